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
from forewarn.config.settings import Settings

ONLINE_RETAIL = chain.PROJECT.parent / "shared" / "data" / "online_retail_ii" / "online_retail_ii.parquet"


@contextmanager
def evaluated(data: str, *candidates: str) -> Iterator[tuple[Settings, churn_model.Evaluation]]:
    """Land and build a data set in a warehouse of its own, and judge candidates of it out of time."""
    with chain.installation(chain.PROJECT / "config" / "datasets" / data) as (settings, _):
        project = load_project(settings.config)
        assert project.as_of_date is not None
        tried = [name for name in project.model.candidates if name in candidates]
        project = project.model_copy(update={"model": project.model.model_copy(update={"candidates": tried})})
        run = stages.Run(project.as_of_date, "quality", datetime.now(UTC), live=False)
        chain.land(settings, run)
        stages.build(settings, run)
        yield settings, churn_model.evaluate(settings, project, as_of_date=project.as_of_date, tests=5)


def letters_go_out(settings: Settings) -> None:
    """The rest of the day on what was built: both gates pass, and rules alone, without a model, reach people."""
    day = load_project(settings.config).as_of_date
    assert day is not None
    run = stages.Run(day, "quality", datetime.now(UTC))
    for gate in ("raw", "features"):
        stages.gate(settings, run, gate=gate)
    stages.score(settings, run)
    stages.publish(settings, run)
    assert stages.open_cases(settings, run)["opened"] > 0
    assert stages.dispatch(settings, run)["sent"] > 0
    assert list(settings.outbox.rglob("*.eml"))


def floor_is_held(evaluation: churn_model.Evaluation, floor: float, ceiling: float) -> None:
    """A figure above the ceiling would be a leak: no honest method reaches it on these data."""
    chosen, _ = evaluation.best()
    assert len(evaluation.cutoffs) >= 5
    assert floor <= evaluation.mean(chosen, "auc") < ceiling
    assert evaluation.mean(chosen, "auc") > evaluation.mean("rule", "auc")


@pytest.mark.timeout(900)
@pytest.mark.capability("C28", "C31")
def test_complete_journey_is_judged_above_the_rule_and_below_a_leak() -> None:
    with evaluated("complete-journey", "rule", "logistic", "boosting") as (settings, evaluation):
        floor_is_held(evaluation, 0.863, 0.90)
        assert evaluation.mean(evaluation.best()[0], "average_precision") >= 0.44
        letters_go_out(settings)


@pytest.mark.timeout(900)
@pytest.mark.capability("C28", "C31")
@pytest.mark.skipif(not ONLINE_RETAIL.is_file(), reason=f"no {ONLINE_RETAIL.name} in ../shared/data: see its README")
def test_online_retail_is_judged_above_the_rule_and_below_a_leak() -> None:
    with evaluated("online-retail", "rule", "bg_nbd", "logistic", "boosting", "blend") as (settings, evaluation):
        floor_is_held(evaluation, 0.77, 0.81)
        chosen, _ = evaluation.best()
        singles = [evaluation.mean(name, "auc") for name in ("rule", "bg_nbd", "logistic", "boosting")]
        assert evaluation.mean(chosen, "auc") >= max(singles)
        assert evaluation.mean(chosen, "brier") <= evaluation.mean("bg_nbd", "brier")
        letters_go_out(settings)
