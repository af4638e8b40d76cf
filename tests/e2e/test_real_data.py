"""Model quality on the two real data sets, through the whole chain: honest, and above the simple rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import chain
import pytest

import churn_model
from forewarn import stages
from forewarn.config.project import load_project

ONLINE_RETAIL = chain.PROJECT.parent / "shared" / "data" / "online_retail_ii" / "online_retail_ii.parquet"


@contextmanager
def evaluated(data: str) -> Iterator[churn_model.Evaluation]:
    """Land and build a data set in a warehouse of its own, and judge the candidates out of time."""
    with chain.installation(chain.PROJECT / "config" / "datasets" / data) as (settings, _):
        project = load_project(settings.config)
        assert project.as_of_date is not None
        run = stages.Run(project.as_of_date, "quality", datetime.now(UTC), live=False)
        chain.land(settings, run)
        stages.build(settings, run)
        yield churn_model.evaluate(settings, project, as_of_date=project.as_of_date, tests=5)


def floor_is_held(evaluation: churn_model.Evaluation, floor: float, ceiling: float) -> None:
    """A figure above the ceiling would be a leak: no honest method reaches it on these data."""
    chosen, _ = evaluation.best()
    assert len(evaluation.cutoffs) >= 5
    assert floor <= evaluation.mean(chosen, "auc") < ceiling
    assert evaluation.mean(chosen, "auc") > evaluation.mean("rule", "auc")


@pytest.mark.timeout(900)
@pytest.mark.capability("C28", "C31")
def test_complete_journey_is_judged_above_the_rule_and_below_a_leak() -> None:
    with evaluated("complete-journey") as evaluation:
        floor_is_held(evaluation, 0.863, 0.90)
        assert evaluation.mean(evaluation.best()[0], "average_precision") >= 0.44


@pytest.mark.timeout(900)
@pytest.mark.capability("C28", "C31")
@pytest.mark.skipif(not ONLINE_RETAIL.is_file(), reason=f"no {ONLINE_RETAIL.name} in ../shared/data: see its README")
def test_online_retail_is_judged_above_the_rule_and_below_a_leak() -> None:
    with evaluated("online-retail") as evaluation:
        floor_is_held(evaluation, 0.77, 0.81)
        chosen, _ = evaluation.best()
        singles = [evaluation.mean(name, "auc") for name in ("rule", "bg_nbd", "logistic", "boosting", "hazard")]
        assert evaluation.mean(chosen, "auc") >= max(singles)
        assert evaluation.mean(chosen, "brier") <= evaluation.mean("bg_nbd", "brier")
