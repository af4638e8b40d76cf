"""What every DAG of this project must have; the list of DAGs is exact, so that a loop over nothing cannot pass."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DAG_IDS = {"churn_daily", "churn_evaluate", "churn_housekeeping", "churn_retention", "churn_retrain"}
WEEKLY = ["is_due", "retrain", "find_drivers", "find_segments", "find_suggestions"]
CHAIN = [
    "streams",
    "extract",
    "check_sources",
    "gate_raw",
    "build_staging",
    "read_words",
    "link_accounts",
    "build_intermediate",
    "build_marts",
    "gate_features",
    "train_if_missing",
    "score",
    "gate_scores",
    "publish",
    "open_cases",
    "dispatch",
    "report",
]
# Beside the chain: a day that stops at its sources has told operations why.
BESIDE = "tell_operations"


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(PROJECT / "dags"))
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_these_dags_and_no_others_exist(dags: dict[str, Any]) -> None:
    assert set(dags) == DAG_IDS


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_never_runs_beside_itself_nor_catches_up(dags: dict[str, Any], dag_id: str) -> None:
    dag = dags[dag_id]
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.dagrun_timeout > timedelta(0)


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_explains_itself_and_can_be_found(dags: dict[str, Any], dag_id: str) -> None:
    dag = dags[dag_id]
    assert "forewarn" in dag.tags
    assert len(dag.tags) >= 2
    for task_id in dag.task_ids:
        assert task_id in dag.doc_md or task_id.startswith("build_"), f"{task_id} is not in the DAG's page"


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_each_task_has_an_owner_an_end_and_retries_that_back_off(dags: dict[str, Any], dag_id: str) -> None:
    for task in dags[dag_id].tasks:
        assert task.owner == "data-platform", task.task_id
        assert 1 <= task.retries <= 5, task.task_id
        assert task.retry_exponential_backoff, task.task_id
        assert task.retry_delay >= timedelta(seconds=10), task.task_id
        assert task.max_retry_delay <= timedelta(hours=1), task.task_id
        assert timedelta(0) < task.execution_timeout <= timedelta(hours=3), task.task_id
        assert task.retry_policy is not None, task.task_id


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_file_is_a_table_of_contents(dag_id: str) -> None:
    lines = (PROJECT / "dags" / f"{dag_id}.py").read_text(encoding="utf-8").splitlines()
    assert 0 < len(lines) < 100


def test_the_stages_stand_in_this_order(dags: dict[str, Any]) -> None:
    order = [task.task_id for task in dags["churn_daily"].topological_sort()]
    assert [task for task in order if task != BESIDE] == CHAIN
    for before, after in pairwise(CHAIN):
        assert after in dags["churn_daily"].get_task(before).downstream_task_ids


@pytest.mark.capability("C30")
def test_what_is_learned_follows_the_training_and_all_of_it_only_when_it_is_due(dags: dict[str, Any]) -> None:
    order = [task.task_id for task in dags["churn_retrain"].topological_sort()]
    assert order == WEEKLY
    for before, after in pairwise(WEEKLY):
        assert dags["churn_retrain"].get_task(before).downstream_task_ids == {after}
    assert dags["churn_retrain"].get_task("is_due").ignore_downstream_trigger_rules is True
    assert {task.trigger_rule.value for task in dags["churn_retrain"].tasks} == {"all_success"}


def test_every_stage_of_a_dag_exists(dags: dict[str, Any]) -> None:
    from forewarn import retraining, stages

    named = {task.stage for dag in dags.values() for task in dag.tasks if hasattr(task, "stage")}
    assert {"retrain", "score"} <= named
    assert [name for name in named if not (hasattr(stages, name) or hasattr(retraining, name))] == []


@pytest.mark.capability("B6", "C4")
def test_operations_hear_of_late_sources_whatever_becomes_of_the_day(dags: dict[str, Any]) -> None:
    told = dags["churn_daily"].get_task(BESIDE)
    assert told.stage == "tell_operations"
    assert (told.upstream_task_ids, told.downstream_task_ids) == ({"check_sources"}, set())
    assert told.trigger_rule.value == "all_done", "also when not one stream landed"


def test_extraction_is_a_task_per_stream_named_after_it(dags: dict[str, Any]) -> None:
    extract = dags["churn_daily"].get_task("extract")
    assert extract.is_mapped
    assert "source" in extract.map_index_template
    assert "stream" in extract.map_index_template


def test_nothing_is_sent_before_everything_else_succeeded(dags: dict[str, Any]) -> None:
    dispatch = dags["churn_daily"].get_task("dispatch")
    # A report that fails keeps no alert back.
    assert dispatch.downstream_task_ids == {"report"}
    assert dispatch.get_flat_relative_ids(upstream=True) == set(CHAIN) - {"dispatch", "report"}
    rules = {task.task_id: task.trigger_rule.value for task in dags["churn_daily"].tasks}
    # A stream that fails blocks itself; what that means for the day is decided in one place.
    assert rules == dict.fromkeys(CHAIN, "all_success") | dict.fromkeys(["check_sources", BESIDE], "all_done")


def test_a_dag_survives_serialization(dags: dict[str, Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    back = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dags["churn_daily"]))
    assert set(back.task_ids) == {*CHAIN, BESIDE}
