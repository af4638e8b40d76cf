"""Build and quality, rows 24 and 25 of the list of faults that Forewarn survives."""

from __future__ import annotations

from typing import Any

import pytest
from gated_warehouse import AS_OF, NOW, RUN, Gate, company, gate, good, shared_url

from forewarn.config.settings import Settings
from forewarn.errors import GateFailed, Permanent, Transient
from forewarn.quality import run_gate

__all__ = ["company", "gate", "good", "shared_url"]


@pytest.mark.capability("B6")
def test_24_a_critical_failure_is_permanent_and_recorded_before_it_stops_the_run(good: Any, gate: Gate) -> None:
    good.execute("update ml.score set probability = 0.2")
    with pytest.raises(GateFailed, match="scores_differ") as caught:
        gate("scores")
    assert isinstance(caught.value, Permanent)
    assert not isinstance(caught.value, Transient), "a scheduler would try it again"
    good.execute("select count(*) from ops.gate_result where gate = 'scores' and not passed and severity = 'critical'")
    assert good.fetchone()[0] == 1


def test_24_a_warning_is_returned_and_recorded_and_stops_nothing(good: Any, gate: Gate) -> None:
    good.execute("update ml.score set reasons = '[]'")
    report = gate("scores")
    assert [(outcome.name, outcome.severity) for outcome in report.failed] == [("most_scores_have_reasons", "warning")]
    good.execute("select expectation from ops.gate_result where gate = 'scores' and not passed")
    assert good.fetchall() == [("most_scores_have_reasons",)]


def test_25_an_empty_batch_fails_although_the_table_has_rows(good: Any, company: Settings) -> None:
    with pytest.raises(GateFailed, match=r"ml\.score: not_empty"):
        run_gate(company, "scores", as_of_date=AS_OF.replace(day=2), run_id=RUN, now=NOW)


def test_25_an_empty_table_fails(good: Any, gate: Gate) -> None:
    good.execute("truncate marts.customer_360")
    with pytest.raises(GateFailed, match=r"marts\.customer_360: not_empty"):
        gate("features")


def test_25_a_run_that_extracted_nothing_fails(good: Any, company: Settings) -> None:
    with pytest.raises(GateFailed, match=r"ops\.batch: not_empty"):
        run_gate(company, "raw", as_of_date=AS_OF, run_id="of nobody", now=NOW)


@pytest.mark.parametrize(
    ("fault", "expectation"),
    [
        ("alter table marts.churn_features drop column discount_share_90d", "discount_share_90d_is_a_share"),
        ("alter table marts.churn_features alter column discount_share_90d type text", "discount_share_90d_is_a_share"),
    ],
)
def test_25_a_check_that_raises_is_a_critical_failure_even_of_a_warning(
    good: Any, gate: Gate, fault: str, expectation: str
) -> None:
    good.execute(fault)
    with pytest.raises(GateFailed, match=rf"{expectation}: could not be checked"):
        gate("features")
    good.execute("select severity, passed from ops.gate_result where expectation = %s", [expectation])
    assert good.fetchone() == ("critical", False)
