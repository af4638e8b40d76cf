"""Rows that were set aside are tried again: what fits now lands, and every row stays accounted for."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions
from typer.testing import CliRunner

from forewarn import stages
from forewarn.cli import app
from forewarn.errors import SourceRejected
from forewarn.sources.redrive import preview, redrive
from forewarn.sources.redrive_requests import ask, carry_out
from forewarn.sources.set_aside import MOST, set_aside
from forewarn.stages import Run
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.lock import BUILD, alone

TICKETS = """
kind: files
connection: drops
streams:
  tickets:
    path: "*.csv"
    format: csv
    key: [ticket_no]
    {more}
    entities:
      ticket:
        columns: {{ticket_id: ticket_no, account_id: customer, opened_at: opened}}
"""
STRICT, MENDED = "quarantine: {of a test: customer = 'TEST'}", "date_order: dmy"
HEADER = "ticket_no,customer,opened,minutes\n"
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
BALANCE = (
    "select rows_in, rows_loaded, rows_quarantined, rows_deduplicated, redrive from ops.batch"
    " order by batch_id desc limit 1"
)


def _autocommit(session: extensions.connection) -> extensions.connection:
    session.autocommit = True
    return session


@pytest.fixture
def tickets(write_source, drops, land, rows):
    """T1 has landed; T2 has a day first, T3 was a test, T4 has too few fields."""
    source = write_source("desk", TICKETS.format(more=STRICT))
    (drops / "a.csv").write_text(HEADER + "T1,C1,2026-01-02,5\nT2,C2,13/01/2026,7\nT3,TEST,2026-01-03,9\nT4,C1\n")
    batch = land(source, "tickets")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (4, 1, 3)
    return source


@pytest.mark.capability("C5")
def test_rows_that_a_mended_source_file_can_read_land_and_the_rest_stays_with_its_reason(
    tickets, write_source, land, rows, settings
):
    mended = write_source("desk", TICKETS.format(more=MENDED))
    done = redrive(settings, mended, "tickets", run_id="again", now=LATER)
    assert (done.tried, done.landed, done.known, done.set_aside) == (2, 2, 0, 0)
    assert done.kept == {
        "it could not be split into columns; correct its content to a JSON object, column by column": 1
    }
    assert rows("select ticket_no, customer, opened::date::text, minutes from raw_desk.tickets order by 1") == [
        ("T1", "C1", "2026-01-02", "5"),
        ("T2", "C2", "2026-01-13", "7"),
        ("T3", "TEST", "2026-01-03", "9"),
    ]
    assert rows("select content from quarantine.row") == [("T4,C1",)]
    assert rows(BALANCE) == [(2, 2, 0, 0, True)]
    assert land(mended, "tickets", now=LATER).rows_in == 0


def test_a_row_that_fails_again_has_the_reason_of_this_time(tickets, write_source, rows, settings):
    changed = write_source("desk", TICKETS.format(more="quarantine: {made up: \"customer in ('TEST', 'C2')\"}"))
    done = redrive(settings, changed, "tickets", run_id="again", now=LATER)
    assert (done.tried, done.landed, done.set_aside) == (2, 0, 2)
    assert rows("select reason, batch_id = %s from quarantine.row order by row_id desc limit 2", done.batch_id) == [
        ("made up", True),
        ("opened: expected timestamptz, got '13/01/2026'", True),
    ]
    assert rows(BALANCE) == [(2, 0, 2, 0, True)]
    # Of the same age as before: what is kept for some days is not kept for longer.
    assert rows("select count(*), max(quarantined_at) from quarantine.row") == [(3, NOW)]


def test_a_row_that_was_corrected_by_hand_lands(tickets, rows, warehouse, settings):
    right = '{"ticket_no": "T4", "customer": "C1", "opened": "2026-01-04", "minutes": 12.10}'
    with warehouse.cursor() as cursor:
        cursor.execute("update quarantine.row set content = %s where content = 'T4,C1'", [right])
    done = redrive(settings, tickets, "tickets", run_id="again", now=LATER)
    assert (done.tried, done.landed, done.set_aside, done.kept) == (3, 1, 2, {})
    # As it was written, not as a float would have it.
    assert rows("select minutes from raw_desk.tickets where ticket_no = 'T4'") == [("12.10",)]


def test_what_was_cut_or_taken_out_says_why_it_cannot_be_tried(tickets, rows, warehouse, settings):
    with warehouse.cursor() as cursor:
        cursor.execute("update quarantine.row set content = null where reason = 'of a test'")
        cursor.execute("update quarantine.row set content = rpad('{', 20000, 'x') where content = 'T4,C1'")
    done = preview(settings, tickets, "tickets")
    assert (done.tried, done.kept) == (
        1,
        {
            "its content was taken out for an erased person": 1,
            "its content was cut at 20000 characters": 1,
        },
    )
    assert rows("select count(*) from quarantine.row") == [(3,)]


def test_a_record_that_has_landed_since_is_not_made_older(tickets, write_source, drops, land, rows, settings):
    (drops / "b.csv").write_text(HEADER + "T2,C9,2026-02-01,1\n")
    land(tickets, "tickets", now=LATER)
    mended = write_source("desk", TICKETS.format(more=MENDED))
    done = redrive(settings, mended, "tickets", run_id="again", now=LATER)
    assert (done.landed, done.kept["its record has landed since"]) == (1, 1)
    assert rows("select customer from raw_desk.tickets where ticket_no = 'T2'") == [("C9",)]


def test_a_few_rows_take_nothing_from_a_snapshot_and_a_newer_one_makes_them_moot(
    write_source, drops, land, rows, settings
):
    strict, mended = (TICKETS.format(more=f"mode: snapshot\n    {more}") for more in (STRICT, MENDED))
    source = write_source("desk", strict)
    (drops / "a.csv").write_text(HEADER + "T1,C1,2026-01-02,5\nT2,C2,2026-01-02,5\nT3,TEST,2026-01-03,9\n")
    land(source, "tickets")
    done = redrive(settings, write_source("desk", mended), "tickets", run_id="again", now=LATER)
    assert (done.tried, done.landed) == (1, 1)
    assert rows("select count(*) from raw_desk.tickets") == [(3,)]
    (drops / "a.csv").write_text(HEADER + "T1,C1,2026-01-02,6\nT2,C2,2026-01-02,6\nT3,TEST,2026-01-03,10\n")
    source = write_source("desk", strict)
    land(source, "tickets", now=LATER)
    (drops / "a.csv").write_text(HEADER + "T1,C1,2026-01-02,7\nT2,C2,2026-01-02,7\nT3,C3,2026-01-03,11\n")
    land(source, "tickets", now=LATER)
    assert preview(settings, source, "tickets").kept == {"the stream was read whole since": 1}


def test_the_watermark_and_what_is_known_of_the_source_stay(erp, write_source, land, rows, settings):
    text = (
        "kind: sql\nconnection: erp\nstreams:\n  calls:\n    table: calls\n    key: [id]\n    cursor: changed\n"
        "    {more}\n"
        "    entities: {{ticket: {{columns: {{ticket_id: id, account_id: customer, opened_at: changed}}}}}}\n"
    )
    source = write_source("calls", text.format(more="quarantine: {of a test: customer = 'TEST'}"))
    with erp.cursor() as cursor:
        cursor.execute(
            "create table calls (id int, customer text, changed timestamptz);"
            "insert into calls values (1, 'C1', '2026-02-01'), (2, 'TEST', '2026-02-20')"
        )
    land(source, "calls")
    before = rows("select cursor_value, batch_id from ops.watermark")
    mended = write_source("calls", text.format(more=""))
    assert redrive(settings, mended, "calls", run_id="again", now=LATER).landed == 1
    assert rows("select id, pg_typeof(id)::text from raw_calls.calls order by id") == [(1, "bigint"), (2, "bigint")]
    assert rows("select cursor_value, batch_id from ops.watermark") == before
    # The source's own trouble is neither made nor ended by it.
    with pytest.raises(SourceRejected):
        land(write_source("calls", text.format(more="").replace("table: calls", "table: nowhere")), "calls", now=LATER)
    assert redrive(settings, mended, "calls", run_id="again", now=LATER).tried == 0
    assert rows("select stream from ops.source_trouble") == [("calls",)]


def test_a_request_is_carried_out_once_and_says_what_became_of_it(tickets, write_source, rows, warehouse, settings):
    with warehouse.cursor() as cursor:
        asked = [ask(cursor, "desk", "tickets", reason="days first", by="olga@x.example", now=NOW) for _ in range(2)]
    assert asked == [True, False]
    mended = write_source("desk", TICKETS.format(more=MENDED))
    assert str(carry_out(settings, mended, "tickets", now=LATER)).startswith(
        "2 rows tried again; 2 landed, 0 known already, 0 set aside again; 1 kept: it could not be split"
    )
    assert carry_out(settings, mended, "tickets", now=LATER) is None
    assert rows("select asked_by, done_at, rows_tried, rows_landed, rows_kept from ops.redrive_request") == [
        ("olga@x.example", LATER, 2, 2, 1)
    ]


@pytest.mark.capability("C5")
def test_a_request_waits_for_the_streams_next_extraction_and_the_command_does_it_at_once(
    drops, rows, warehouse, settings, tmp_path, monkeypatch
):
    config = tmp_path / "acme"
    forewarn = CliRunner().invoke
    assert forewarn(app, ["project", "new", str(config), "--currency", "EUR"]).exit_code == 0
    file = config / "sources" / "desk.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(TICKETS.format(more=STRICT))
    (drops / "a.csv").write_text(HEADER + "T1,C1,2026-01-02,5\nT2,C2,13/01/2026,7\nT3,TEST,2026-01-03,9\n")
    company = replace(settings, config=config)

    def extract(day: int) -> dict[str, Any]:
        run = Run(NOW.date(), f"run {day}", NOW + timedelta(days=day))
        return stages.extract(company, run, source="desk", stream="tickets", resolve=lambda *_: drops.as_uri())

    assert extract(1)["rows_quarantined"] == 2
    with warehouse.cursor() as cursor:
        ask(cursor, "desk", "tickets", reason="tests count", by="olga@x.example", now=NOW)
    file.write_text(TICKETS.format(more=""))
    summary = extract(2)
    assert (summary["redriven"], summary["redriven_of"], summary["rows_in"]) == (1, 2, 0)
    # A stream whose request cannot be carried out is extracted all the same.
    with warehouse.cursor() as cursor:
        ask(cursor, "desk", "tickets", reason="minutes are numbers", by="olga@x.example", now=NOW)
    file.write_text(TICKETS.format(more="columns: {minutes: numeric}"))
    assert "redriven" not in extract(3)
    assert rows(
        "select outcome like '%%expected text, as it has landed so far, got numeric%%', rows_tried"
        " from ops.redrive_request order by request_id desc limit 1"
    ) == [(True, None)]
    # Between the nights `churn_housekeeping` does it, unless a build reads the raw tables.
    with warehouse.cursor() as cursor:
        ask(cursor, "desk", "tickets", reason="minutes are numbers", by="olga@x.example", now=NOW)
    now_and_then = Run(NOW.date(), "housekeeping", LATER)
    with closing(psycopg2.connect(dsn(settings.warehouse_url))) as builder, alone(_autocommit(builder), BUILD):
        assert stages.redrive(company, now_and_then) == {"waiting": 1, "skipped": "a build reads the raw tables"}
    assert stages.redrive(company, now_and_then, dry_run=True) == {"waiting": 1}
    assert stages.redrive(company, now_and_then) == {"requests": 1, "landed": 0, "failed": 1}
    assert stages.redrive(company, now_and_then) == {"waiting": 0}
    file.write_text(TICKETS.format(more=MENDED))
    for name, value in (("CONFIG", config), ("HOME", settings.home), ("WAREHOUSE_URL", settings.warehouse_url)):
        monkeypatch.setenv(f"FOREWARN_{name}", str(value))
    command = ["source", "redrive", "desk", "tickets"]
    assert "would be 1 rows tried again" in forewarn(app, [*command, "--dry-run"]).output
    assert rows("select count(*) from quarantine.row") == [(1,)]
    assert "1 landed" in forewarn(app, [*command, "--reason", "days first"]).output
    assert rows("select reason, rows_landed from ops.redrive_request order by request_id desc limit 1") == [
        ("days first", 1)
    ]
    assert rows("select count(*) from raw_desk.tickets") == [(3,)]


def test_what_is_more_than_a_batch_waits(tickets, warehouse):
    with warehouse.cursor() as cursor:
        found = set_aside(cursor, tickets, "tickets", most=1)
    assert (len(found.rows), found.waiting, MOST) == (1, 1, 50_000)
