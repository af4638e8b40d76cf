"""A good day passes each gate; each fault is caught by its expectation, at its severity, with its remedy."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

import pytest
from gated_warehouse import AS_OF, NOW, RUN, Gate

from forewarn.config.settings import Settings
from forewarn.errors import ConfigError, GateFailed
from forewarn.quality import GateReport, run_gate

OWN = """
description: What our ERP promises of its orders.
owner: sales-operations
expectations:
  - name: one_line_an_order
    says: An order has one line.
    rows: select from {batch} as landed where line_no <> '1'
    severity: warning
    example: order o7 has a line 2
    reason: Our ERP splits an order of two lines into two orders.
    remedy: ask sales operations whether that was changed
"""


def test_a_stream_that_failed_is_a_warning_and_stops_nobody_else(good: Any, gate: Gate) -> None:
    good.execute(
        "insert into ops.batch (source, stream, run_id, started_at, status)"
        " select source, stream, run_id, started_at, 'failed' from ops.batch where stream = 'orders' and run_id = %s",
        [RUN],
    )
    report = gate("raw")
    assert [(outcome.name, outcome.severity) for outcome in report.failed] == [("every_batch_landed", "warning")]


@pytest.mark.parametrize("name", ["raw", "features", "scores"])
def test_a_good_day_passes(good: Any, gate: Gate, name: str) -> None:
    report = gate(name)
    assert (report.failed, report.warnings) == ((), 0)
    assert report.checked >= 8
    good.execute("select count(*), bool_and(passed) from ops.gate_result where gate = %s and run_id = %s", [name, RUN])
    assert good.fetchone() == (report.checked, True)


# Beside those that are planted in the simulated company (tests/support/derived_defects.py).
CRITICAL = [
    ("raw", "update ops.batch set status = 'running' where stream = 'orders'", "ops.batch: every_batch_ended"),
    (
        "raw",
        "update ops.batch set rows_quarantined = 30, rows_loaded = 10 where stream = 'orders'",
        "ops.batch: most_rows_fit",
    ),
    ("raw", "delete from ops.batch", "ops.batch: not_empty"),
    ("raw", "drop table raw_erp.orders", "raw_erp.orders: not_empty"),
    ("raw", "update raw_erp.orders set line_no = null where order_no = 'o7'", "raw_erp.orders: key_is_there:line_no"),
    (
        "features",
        "update marts.churn_features set customer_id = null where customer_id = 'c2'",
        "marts.churn_features: key_is_there:customer_id",
    ),
    (
        "features",
        "delete from marts.customer_360 where customer_id = 'c1'",
        "marts.customer_360: every_customer_is_there",
    ),
    ("features", "update marts.churn_labels set eligible = false", "marts.churn_labels: someone_can_be_lost"),
    (
        "features",
        "delete from marts.churn_labels where customer_id = 'c1'",
        "marts.churn_labels: every_customer_is_labelled",
    ),
    ("scores", "update marts.churn_labels set eligible = customer_id <> 'c1'", "ml.score: nobody_else_is_scored"),
]


@pytest.mark.capability("B6")
@pytest.mark.parametrize(("name", "fault", "place"), CRITICAL, ids=[f"{case[2]}" for case in CRITICAL])
def test_a_critical_fault_stops_the_run(good: Any, gate: Gate, name: str, fault: str, place: str) -> None:
    table, expectation = place.split(": ")
    good.execute(fault)
    with pytest.raises(GateFailed, match=expectation) as caught:
        gate(name)
    good.execute(
        "select severity, observed, remedy from ops.gate_result where gate = %s and table_name = %s"
        " and expectation = %s and not passed and as_of_date = %s and run_id = %s",
        [name, table, expectation, AS_OF, RUN],
    )
    ((severity, observed, remedy),) = good.fetchall()
    assert severity == "critical"
    assert f"{table}: {expectation}: {observed}" in str(caught.value)
    assert remedy in caught.value.next_step


WARNINGS = [
    (
        "raw",
        "update ops.batch set rows_quarantined = 1, rows_loaded = 39 where stream = 'orders'",
        "few_rows_are_quarantined",
    ),
    ("raw", "delete from ops.batch where stream = 'tickets'", "every_stream_was_extracted"),
    ("raw", "drop table raw_helpdesk.tickets", "not_empty"),
    ("features", "update marts.dim_customers set owner_email = null", None),
    ("features", "update marts.churn_features set discount_share_90d = 3", "discount_share_90d_is_a_share"),
    ("features", "update marts.churn_features set tickets_90d = 0", "tickets_still_come"),
    (
        "features",
        "delete from marts.churn_features where as_of_date = '2026-02-28' and length(customer_id) = 3",
        "customers_are_about_as_many",
    ),
    ("scores", "update ml.score set threshold = 0.3", "alerts_are_few"),
    ("scores", "update ml.score set reasons = '[]'", "most_scores_have_reasons"),
    (
        "scores",
        "insert into ml.watch select distinct as_of_date, definition, 'calibration', 'live scores', 1.5, 2.0, 'warn',"
        " 'promised 100, and 150 left', model_name, model_version, now() from ml.score",
        "the_watch_is_calm",
    ),
]


@pytest.mark.parametrize("case", WARNINGS, ids=[f"{case[0]}-{case[2]}" for case in WARNINGS])
def test_a_lesser_fault_is_reported_and_the_run_goes_on(
    good: Any, gate: Gate, caplog: pytest.LogCaptureFixture, case: tuple[str, str, str | None]
) -> None:
    name, fault, expectation = case
    good.execute(fault)
    with caplog.at_level(logging.WARNING, "forewarn"):
        report = gate(name)
    failed = {outcome.name for outcome in report.failed if outcome.severity == "warning"}
    if expectation is None:
        assert failed == set(), "nobody feeds owners, so nobody misses them"
        return
    assert expectation in failed
    assert report.warnings == len(failed)
    assert any(expectation in message and "Remedy, for data-" in message for message in caplog.messages)


@pytest.mark.capability("B6")
def test_a_department_that_nobody_feeds_is_not_missed(good: Any, gate: Gate) -> None:
    gate("features")
    good.execute("select expectation from ops.gate_result where table_name = 'marts.churn_features'")
    checked = {row[0] for row in good.fetchall()}
    assert {"orders_lifetime_is_known", "tickets_90d_is_known"} <= checked
    assert not {name for name in checked if "usage" in name or "interaction" in name or "overdue" in name}


def test_a_stream_that_may_be_empty_is_only_noted(good: Any, gate: Gate, company: Settings) -> None:
    file = company.config / "sources" / "helpdesk.yml"
    file.write_text(file.read_text().replace("    key: [id]", "    key: [id]\n    allow_empty: true"))
    good.execute("truncate raw_helpdesk.tickets")
    report = gate("raw")
    assert [(outcome.table, outcome.severity) for outcome in report.failed] == [("raw_helpdesk.tickets", "info")]


def test_a_retried_stream_is_judged_by_its_last_attempt(good: Any, gate: Gate) -> None:
    good.execute(
        "insert into ops.batch (batch_id, source, stream, run_id, started_at, status, error)"
        " overriding system value select 0, source, stream, run_id, started_at, 'failed', 'cut'"
        " from ops.batch where stream = 'orders'"
    )
    assert gate("raw").failed == ()


def test_running_again_replaces_the_results_of_the_run_and_no_others(good: Any, gate: Gate, company: Settings) -> None:
    good.execute("update marts.churn_features set discount_share_90d = 3")
    assert gate("features").warnings == 1
    good.execute("update marts.churn_features set discount_share_90d = 0")
    good.execute(
        "insert into ops.gate_result select gate, as_of_date, 'another', table_name, expectation, severity, passed,"
        " observed, remedy, checked_at from ops.gate_result"
    )
    assert gate("features").warnings == 0
    good.execute("select run_id, count(*) filter (where not passed) from ops.gate_result group by 1 order by 1")
    assert good.fetchall() == [("another", 1), (RUN, 0)]


def test_no_connection_stays_open(good: Any, gate: Gate) -> None:
    gate("scores")
    # A closed connection's server process needs a moment to end; autovacuum's workers are no connections.
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        good.execute(
            "select application_name, query from pg_stat_activity where datname = current_database()"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        if not (opened := good.fetchall()):
            break
        time.sleep(0.05)
    assert opened == []


def test_an_unknown_gate_names_the_nearest(gate: Gate, company: Settings) -> None:
    with pytest.raises(GateFailed, match=r"gate `feature`.*did you mean `features`"):
        gate("feature")


def again(good: Any, company: Settings, run: str, hours: int) -> GateReport:
    """Ask gate `raw` in a later run, in which every stream answered and none brought a row."""
    good.execute(
        "insert into ops.batch (source, stream, run_id, started_at, status)"
        " select distinct source, stream, %s, %s::timestamptz, 'landed' from ops.batch",
        [run, NOW + timedelta(hours=hours)],
    )
    return run_gate(company, "raw", as_of_date=AS_OF, run_id=run, now=NOW + timedelta(hours=hours))


def test_what_stopped_a_run_is_judged_again_until_one_passes(good: Any, gate: Gate, company: Settings) -> None:
    good.execute("update raw_erp.orders set line_no = null where order_no = 'o7'")
    with pytest.raises(GateFailed, match="key_is_there:line_no"):
        gate("raw")
    with pytest.raises(GateFailed, match="key_is_there:line_no"):
        again(good, company, "second", 1)
    good.execute("update raw_erp.orders set line_no = '1' where order_no = 'o7'")
    assert again(good, company, "third", 2).failed == ()
    good.execute("update raw_erp.orders set line_no = null where order_no = 'o7'")
    assert again(good, company, "fourth", 3).failed == (), "what was let pass is not judged again"


def test_a_late_stream_that_is_empty_is_no_news(good: Any, gate: Gate) -> None:
    good.execute("truncate raw_helpdesk.tickets")
    assert [(one.name, one.severity) for one in gate("raw").failed] == [("not_empty", "warning")]
    good.execute(
        "insert into ops.late_stream (as_of_date, source, stream, since, features, judged_at)"
        " values (%s, 'helpdesk', 'tickets', %s, '{}', %s)",
        [AS_OF, NOW, NOW],
    )
    assert [(one.name, one.severity) for one in gate("raw").failed] == [("not_empty", "info")]
    good.execute("delete from ops.late_stream")


@pytest.mark.capability("C5")
def test_a_company_holds_a_stream_to_an_expectation_of_its_own(good: Any, gate: Gate, company: Settings) -> None:
    folder = company.config / "expectations"
    folder.mkdir()
    (folder / "erp.orders.yml").write_text(OWN)
    assert gate("raw").failed == ()
    good.execute("update raw_erp.orders set line_no = '2' where order_no = 'o7'")
    ((failed),) = gate("raw").failed
    assert (failed.table, failed.name, failed.severity, failed.owner) == (
        "raw_erp.orders (own)",
        "one_line_an_order",
        "warning",
        "sales-operations",
    )
    assert failed.observed == "1 row is not so"


def test_a_placeholder_that_there_is_not_is_refused_with_its_place(good: Any, gate: Gate, company: Settings) -> None:
    folder = company.config / "expectations"
    folder.mkdir()
    (folder / "erp.orders.yml").write_text(OWN.replace("{batch}", "{bach}"))
    with pytest.raises(
        ConfigError, match=r"erp\.orders\.yml:7:5: there is no placeholder `{bach}`.*did you mean `batch`"
    ):
        gate("raw")
