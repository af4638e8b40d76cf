"""The stages without Airflow, over a company too small for a model: rules go on alone, and operations are told."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from forewarn import stages
from forewarn.backfill import backfill
from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.local import company
from forewarn.local.checkup import dbt_freshness
from forewarn.local.databases import local_settings, start_databases, stop_databases
from forewarn.stages import Run
from forewarn.warehouse.engine import dsn

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 7, 1, 5, tzinfo=UTC)

pytestmark = [pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Small:
    """Sixty customers: fewer than a model needs."""

    settings: Settings
    run: Run
    summaries: dict[str, Any]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(dsn(self.settings.warehouse_url))
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()


def day(settings: Settings, run: Run) -> dict[str, Any]:
    """Run every stage in order, as the DAG does."""
    summaries: dict[str, Any] = {}
    with company.systems(settings.home):
        for found in stages.streams(settings):
            name = f"{found['source']}.{found['stream']}"
            summaries[name] = stages.extract(settings, run, source=found["source"], stream=found["stream"])
    summaries["check_sources"] = stages.check_sources(settings, run)
    summaries["gate_raw"] = stages.gate(settings, run, gate="raw")
    summaries["build"] = stages.build(settings, run)
    summaries["gate_features"] = stages.gate(settings, run, gate="features")
    summaries["train"] = stages.train_if_missing(settings, run)
    summaries["score"] = stages.score(settings, run)
    summaries["gate_scores"] = stages.gate(settings, run, gate="scores")
    summaries["publish"] = stages.publish(settings, run)
    summaries["open_cases"] = stages.open_cases(settings, run)
    summaries["dispatch"] = stages.dispatch(settings, run)
    return summaries


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    home = Path(tempfile.mkdtemp(prefix="fw-stages-")) / "home"
    databases = start_databases(home)
    settings = local_settings(PROJECT, PROJECT / "config", home, databases)
    today = company.found(home, databases.server, customers=60, months=9, seed=3)
    run = Run(today, "first", NOW)
    try:
        yield Small(settings, run, day(settings, run))
    finally:
        stop_databases(home)
        shutil.rmtree(home.parent)


@pytest.mark.capability("C27")
def test_without_a_model_rules_open_cases(small: Small) -> None:
    assert "fewer than" in small.summaries["train"]["rejected"] or "customers" in small.summaries["train"]["rejected"]
    assert small.summaries["score"]["scored"] == 0
    assert small.summaries["open_cases"]["rule_signals"] > 0
    assert small.summaries["dispatch"]["sent"] > 0
    assert small.rows("select count(*) from ml.score") == [(0,)]


def test_operations_are_told_that_rules_are_alone(small: Small) -> None:
    told = small.rows("select run_id, severity, passed, observed from ops.gate_result where gate = 'model'")
    assert [row[:3] for row in told] == [("first", "warning", False)]
    assert "skipped" in small.summaries["gate_scores"]
    assert small.rows("select source, stream, kind, over_at from ops.trouble where kind <> 'low_stock'") == [
        ("model", "non_contractual", "held", None)
    ]


@pytest.mark.capability("C17")
def test_operations_are_told_of_articles_at_their_reorder_point(small: Small) -> None:
    told = small.rows("select stream from ops.trouble where kind = 'low_stock' order by stream")
    low = "select distinct product_id from intermediate.int_low_stock order by product_id"
    assert told == small.rows(low)
    assert told
    sent = small.rows("select state, payload->>'source' from alerts.outbox where dedup_key like 'trouble:model:%'")
    assert sent == [("sent", "model")]


def test_every_row_of_every_stream_is_accounted_for(small: Small) -> None:
    streams = [name for name in small.summaries if "." in name]
    assert len(streams) == 29
    for name in streams:
        counts = small.summaries[name]
        accounted = counts["rows_loaded"] + counts["rows_quarantined"] + counts["rows_deduplicated"]
        assert counts["rows_in"] == accounted, name


def test_features_exist_for_the_day_and_for_training(small: Small) -> None:
    dates = [row[0] for row in small.rows("select distinct as_of_date from marts.churn_features order by 1 desc")]
    churn = load_project(small.settings.config).churn
    assert dates == [small.run.as_of_date, *churn.training_dates(small.run.as_of_date)]


def test_summaries_can_travel_as_json(small: Small) -> None:
    values = {type(value) for summary in small.summaries.values() for value in summary.values()}
    assert values <= {int, float, str, bool, type(None)}


def test_the_same_run_again_changes_nothing(small: Small) -> None:
    queries = [
        'select case_id, customer_id, level, state from alerts."case" order by 1',
        "select alert_id, dedup_key, state, attempts from alerts.outbox order by 1",
        "select as_of_date, run_id, live from ops.publication order by publication_id",
        "select md5(string_agg(f::text, '|' order by as_of_date, customer_id)) from marts.churn_features f",
    ]
    before = [small.rows(query) for query in queries]
    again = day(small.settings, small.run)
    assert [small.rows(query) for query in queries] == before
    assert again["dispatch"].get("sent", 0) == 0
    assert sum(again[name]["rows_loaded"] for name in again if "." in name) == 0


def test_a_run_that_is_not_live_publishes_and_sends_nothing(small: Small) -> None:
    backfill = replace(small.run, run_id="backfill", live=False)
    letters = small.rows("select count(*) from alerts.outbox")
    stages.publish(small.settings, backfill)
    stages.open_cases(small.settings, backfill)
    assert stages.dispatch(small.settings, backfill) == {"skipped": "not a live run"}
    assert small.rows("select count(*) from alerts.outbox") == letters
    assert small.rows("select live from ops.publication where run_id = 'backfill'") == [(False,)]


@pytest.mark.capability("B7")
def test_a_backfill_builds_what_is_missing_and_alerts_nobody(small: Small) -> None:
    run, first, last = replace(small.run, run_id="history", live=False), date(2026, 6, 28), date(2026, 6, 29)
    others = (
        "select md5(string_agg(f::text, '|' order by as_of_date, customer_id)) from marts.churn_features f"
        " where as_of_date not in ('2026-06-28', '2026-06-29')"
    )
    alerts = ['select * from alerts."case" order by 1', "select * from alerts.outbox order by 1"]
    before = [small.rows(query) for query in [others, *alerts]]
    done = list(backfill(small.settings, run, first=last, last=last))
    assert list(backfill(small.settings, run, first=first, last=last, dry_run=True)) == [
        {"as_of_date": "2026-06-28", "missing": 1},
        {"as_of_date": "2026-06-29", "skipped": "published already"},
    ]
    weekly = backfill(small.settings, run, first=date(2026, 6, 15), last=last, every=7, dry_run=True)
    assert [one["as_of_date"] for one in weekly] == ["2026-06-15", "2026-06-22", "2026-06-29"]
    done += list(backfill(small.settings, run, first=first, last=last))
    assert [(one["as_of_date"], one.get("built"), one.get("skipped")) for one in done] == [
        ("2026-06-29", 1, None),
        ("2026-06-28", 1, None),
        ("2026-06-29", None, "published already"),
    ]
    assert [small.rows(query) for query in [others, *alerts]] == before
    assert small.rows("select as_of_date, live from ops.publication where run_id = 'history' order by 1") == [
        (first, False),
        (last, False),
    ]
    assert small.rows("select distinct as_of_date from bi.churn_features") == [(small.run.as_of_date,)]


@pytest.mark.parametrize(
    ("first", "last"), [(date(2026, 6, 28), date(2026, 7, 1)), (date(2026, 6, 3), date(2026, 6, 2))]
)
def test_a_backfill_ends_before_the_newest_day(small: Small, first: date, last: date) -> None:
    with pytest.raises(Permanent, match="before 2026-07-01"):
        list(backfill(small.settings, small.run, first=first, last=last))


@pytest.mark.capability("B6", "C4")
def test_a_late_stream_leaves_its_features_unknown_and_operations_are_told(small: Small) -> None:
    """Two days on everything arrives but the help desk; on the third day it does as well."""
    unknown = (
        "select count(*), count(tickets_30d), count(complaints_90d), count(orders_90d) from marts.churn_features"
        " where as_of_date = '2026-07-01'"
    )
    history = "select md5(string_agg(f::text, '|' order by as_of_date, customer_id)) from marts.churn_features f"
    earlier = f"{history} where as_of_date < '2026-07-01'"
    before, others = small.rows(history), small.rows(earlier)
    run = replace(small.run, run_id="without tickets", now=NOW + timedelta(days=2))
    with company.systems(small.settings.home):
        for found in stages.streams(small.settings):
            if found["source"] != "helpdesk":
                stages.extract(small.settings, run, source=found["source"], stream=found["stream"])
    assert stages.check_sources(small.settings, run)["late"] == 2
    late = small.rows("select source, stream from ops.late_stream order by stream")
    assert late == [("helpdesk", "status_changes"), ("helpdesk", "tickets")]
    stages.build(small.settings, run, layer="marts")
    [(customers, *known)] = small.rows(unknown)
    assert known == [0, 0, customers]
    assert small.rows(earlier) == others, "only the day itself"
    stages.gate(small.settings, run, gate="features")
    assert stages.tell_operations(small.settings, run)["sent"] == 1
    told = next(small.settings.outbox.glob("*-helpdesk.eml")).read_text(encoding="utf-8")
    assert "Data late" in told

    run = replace(small.run, run_id="with tickets", now=NOW + timedelta(days=3))
    with company.systems(small.settings.home):
        for found in stages.streams(small.settings):
            stages.extract(small.settings, run, source=found["source"], stream=found["stream"])
    assert stages.check_sources(small.settings, run)["late"] == 0
    stages.build(small.settings, run, layer="marts")
    assert small.rows(history) == before
    assert stages.tell_operations(small.settings, run)["sent"] == 1


@pytest.mark.capability("B6", "C4")
def test_a_feed_that_answers_and_has_nothing_new_is_late_and_dbt_is_asked_for_the_doctor(small: Small) -> None:
    # What landed by this test's clock is old by the wall's, which dbt goes by.
    told = dbt_freshness(small.settings)
    assert told.startswith("10 streams asked; nothing new for longer than promised: ")
    assert {"erp.orders", "finance.invoices"} <= set(told.partition("promised: ")[2].split(", "))
    connection = psycopg2.connect(dsn(small.settings.warehouse_url))
    try:
        with connection.cursor() as cursor:
            cursor.execute("update raw_finance.invoices set _loaded_at = now()")
            cursor.execute(
                "update ops.watermark set cursor_value = '2026-06-20 00:00:00+00'"
                " where stream in ('tickets', 'contacts')"
            )
            connection.commit()
        told = dbt_freshness(small.settings)
        assert "erp.orders" in told
        assert "finance.invoices" not in told
        run = replace(small.run, run_id="a frozen feed", live=False)
        with company.systems(small.settings.home):
            stages.extract(small.settings, run, source="erp", stream="products")
        assert stages.check_sources(small.settings, run)["late"] == 1, "contacts promise no newest row"
    finally:
        connection.close()


def test_the_day_is_the_companys_own(small: Small) -> None:
    assert stages.own_day(small.settings) == small.run.as_of_date == date(2026, 7, 1)


def test_the_warehouses_documentation_is_one_page_that_loads_nothing(small: Small) -> None:
    page = stages.warehouse_docs(small.settings, small.run.as_of_date)
    text = page.read_text(encoding="utf-8")
    assert "Net revenue retention" in text
    assert "kpi_movements" in text
    assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^\s>]+", text) == []
    assert '<a href="warehouse.html">' in page.with_name("index.html").read_text(encoding="utf-8")
