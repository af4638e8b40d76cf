"""Group G of the faults: a copy of the installation and the way back. Numbers are the rows of the fault list."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse
from prometheus_client.parser import text_string_to_metric_families
from psycopg2 import extensions
from typer.testing import CliRunner
from waiting_alerts import ANA, messages, wait_for_alerts

from forewarn import stages
from forewarn.alerts.pause import pause, paused, resume
from forewarn.cli import app
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.telemetry import exposition
from forewarn.warehouse import backup
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn

# After the reader's quiet hours.
TODAY = stages.Run(DAY, RUN, NOW + timedelta(hours=4))


@pytest.fixture
def copy(settings: Settings, marts: AlertingWarehouse, by_file: Project, tmp_path: Path) -> Path:
    """A day with two messages that wait, and a copy of it."""
    wait_for_alerts(settings, by_file, marts, 2)
    (settings.home / "mlflow-artifacts").mkdir(parents=True)
    (settings.home / "mlflow-artifacts" / "model").write_bytes(b"\x00weights")
    backup.back_up(settings, tmp_path / "copy", now=NOW)
    return tmp_path / "copy"


@pytest.fixture
def elsewhere(settings: Settings, database_url: str, postgres: EmbeddedServer, tmp_path: Path) -> Settings:
    return dataclasses.replace(settings, warehouse_url=database_url, home=tmp_path / "elsewhere")


def test_85_what_comes_back_is_what_was_copied_row_by_row(
    settings: Settings, elsewhere: Settings, copy: Path, marts: AlertingWarehouse
) -> None:
    copied = json.loads((copy / "manifest.json").read_text())["tables"]
    assert copied["alerts.outbox"].startswith("2 ")
    marts.run("delete from alerts.attempt")
    marts.run("update alerts.outbox set state = 'sent'")
    assert backup.restore(elsewhere, copy) == copied
    assert (elsewhere.home / "mlflow-artifacts" / "model").read_bytes() == b"\x00weights"
    assert (copy / "config" / "forewarn.yml").read_text() == (settings.config / "forewarn.yml").read_text()
    with psycopg2.connect(dsn(elsewhere.warehouse_url)) as session, session.cursor() as cursor:
        cursor.execute("select has_table_privilege('dispatcher', 'alerts.outbox', 'update')")
        assert cursor.fetchone() == (True,), "rights come back with the tables"


def test_85_after_a_restore_nothing_is_sent_until_somebody_says_so(
    settings: Settings, marts: AlertingWarehouse, by_file: Project
) -> None:
    wait_for_alerts(settings, by_file, marts, 2)
    with marts.connection.cursor() as cursor:
        pause(cursor, reason="restored from monday", by="lena", now=NOW)
        pause(cursor, reason="again", by="max", now=NOW)
        found = paused(cursor)
        assert found is not None
        assert (found.by, found.reason) == ("lena", "restored from monday")
        said = stages.dispatch(settings, TODAY)["skipped"]
        assert "by lena: restored from monday; see `forewarn alerts resume`" in str(said)
        assert messages(settings) == []
        assert resume(cursor, reason="looked at", by="lena", now=NOW) == 2
        with pytest.raises(Permanent, match="expected a pause, got none"):
            resume(cursor, reason="looked at", by="lena", now=NOW)
    stages.dispatch(settings, TODAY)
    assert len(messages(settings)) == 2


def test_85_what_went_out_after_the_copy_can_be_dropped(
    settings: Settings, marts: AlertingWarehouse, by_file: Project
) -> None:
    wait_for_alerts(settings, by_file, marts, 2)
    with marts.connection.cursor() as cursor:
        pause(cursor, reason="restored", by="lena", now=NOW)
        assert resume(cursor, reason="sent on monday", by="lena", now=NOW, drop=True) == 2
    stages.dispatch(settings, TODAY)
    assert messages(settings) == []
    assert marts.rows("select distinct state, reason from alerts.outbox") == [
        ("suppressed", "dropped at the end of a pause by lena: sent on monday")
    ]


def test_85_a_copy_that_was_spoiled_is_named(elsewhere: Settings, copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["tables"]["alerts.outbox"] = "3 1"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Permanent, match=r"expected every table as it was, got others: alerts\.outbox"):
        backup.restore(elsewhere, copy)


def test_85_a_warehouse_with_data_is_not_overwritten(settings: Settings, copy: Path, marts: AlertingWarehouse) -> None:
    marts.run(
        "insert into ops.batch (source, stream, run_id, started_at, status) values ('a', 'b', 'c', now(), 'running')"
    )
    with pytest.raises(Permanent, match="expected a database without data"):
        backup.restore(settings, copy)
    with pytest.raises(Permanent, match="expected an empty one, got files"):
        backup.back_up(settings, copy, now=NOW)
    with pytest.raises(Permanent, match=r"expected a copy that `forewarn backup` finished"):
        backup.restore(settings, copy / "config")


def test_figures_for_prometheus_are_those_of_the_ledgers_and_name_no_customer(
    settings: Settings, marts: AlertingWarehouse, by_file: Project
) -> None:
    wait_for_alerts(settings, by_file, marts, 3)
    stages.dispatch(settings, TODAY)
    marts.run("update alerts.outbox set state = 'retry', next_attempt_at = %s where alert_id = 1", [NOW])
    with marts.connection.cursor() as cursor:
        pause(cursor, reason="asked", by="lena", now=NOW)
        text = exposition(cursor, now=NOW + timedelta(minutes=5))
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["forewarn_published_age_seconds",] == 300
    assert found["forewarn_outbox_oldest_due_seconds",] == 300
    assert found["forewarn_paused",] == 1
    assert found["forewarn_outbox", ("channel", "file"), ("state", "sent")] == 2
    assert found["forewarn_attempts_total", ("channel", "file"), ("outcome", "sent")] == 3
    assert found["forewarn_scored_customers", ("definition", "non_contractual"), ("model_version", "12")] == 3
    assert sum(value for (name, *_), value in found.items() if name == "forewarn_cases") == 3
    for word in ("Customer 1", "Dana Kim", ANA, "c0"):
        assert word not in text


def test_figures_of_a_warehouse_that_has_seen_nothing_are_no_error(warehouse: extensions.connection) -> None:
    with warehouse.cursor() as cursor:
        text = exposition(cursor, now=NOW)
    assert "forewarn_outbox_oldest_due_seconds 0.0" in text
    assert "forewarn_published_age_seconds " not in text.replace("# HELP forewarn_published_age_seconds ", "").replace(
        "# TYPE forewarn_published_age_seconds ", ""
    )


def test_pauses_holds_and_accounts_are_changed_from_a_terminal_and_by_no_dry_run(
    settings: Settings, marts: AlertingWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREWARN_WAREHOUSE_URL", settings.warehouse_url)
    monkeypatch.setenv("FOREWARN_HOME", str(settings.home))
    marts.run("insert into marts.customer_crosswalk values ('crm', '7', 'c0')")
    account = ("account", "add", "ana@meridian.example", "--name", "Ana", "--role", "lead")
    for command, table in (
        (("alerts", "pause", "--why", "asked"), "alerts.pause where resumed_at is null"),
        (("privacy", "hold", "c0", "--why", "in court"), "ops.legal_hold where lifted_at is null"),
        (account, "workbench.account where disabled_at is null"),
    ):
        for more, rows in (("--dry-run",), 0), ((), 1):
            done = CliRunner().invoke(app, [*command, *more])
            assert done.exit_code == 0, done.output
            assert marts.rows(f"select count(*) from {table}") == [(rows,)]
    for command, table in (
        (("alerts", "resume", "--why", "done"), "alerts.pause where resumed_at is null"),
        (("privacy", "release", "c0", "--why", "settled"), "ops.legal_hold where lifted_at is null"),
        (("account", "disable", "ana@meridian.example"), "workbench.account where disabled_at is null"),
    ):
        done = CliRunner().invoke(app, [*command])
        assert done.exit_code == 0, done.output
        assert marts.rows(f"select count(*) from {table}") == [(0,)]
