"""What a task knows of its run: the day, and which errors are worth another try."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from forewarn.config.settings import Settings
from forewarn.errors import BuildFailed, ConfigError, GateFailed, SourceRejected, SourceUnavailable

DUE = datetime(2026, 3, 1, 5, tzinfo=UTC)


def test_the_parameter_wins() -> None:
    from forewarn_airflow.run import as_of_date

    day = as_of_date("2026-01-31", partition_key="2026-02-01", fixed=date(2025, 1, 1), due=DUE)
    assert day == date(2026, 1, 31)


def test_then_the_partition_then_the_installations_own_day() -> None:
    from forewarn_airflow.run import as_of_date

    assert as_of_date(None, partition_key="2026-02-01T05:00:00", fixed=date(2025, 1, 1), due=DUE) == date(2026, 2, 1)
    assert as_of_date(None, partition_key=None, fixed=date(2025, 1, 1), due=DUE) == date(2025, 1, 1)


def test_otherwise_the_day_on_which_the_run_is_due_in_utc() -> None:
    from forewarn_airflow.run import as_of_date

    late = datetime.fromisoformat("2026-03-01T23:30:00-05:00")
    assert as_of_date(None, partition_key=None, fixed=None, due=late) == date(2026, 3, 2)


def test_a_run_without_logical_date_takes_the_moment_it_became_due(settings: Settings) -> None:
    from forewarn_airflow.run import run_of

    dag_run = SimpleNamespace(
        run_id="asset__1", logical_date=None, run_after=DUE, partition_key=None, run_type="manual"
    )
    run = run_of({"params": {"as_of_date": None, "live": False}, "dag_run": dag_run}, settings)
    assert (run.run_id, run.as_of_date, run.live) == ("asset__1", DUE.date(), False)
    assert run.now.tzinfo is UTC


@pytest.mark.capability("B7")
@pytest.mark.parametrize(("run_type", "live"), [("scheduled", True), ("manual", True), ("backfill", False)])
def test_a_backfill_is_never_live(settings: Settings, run_type: str, live: bool) -> None:
    from airflow.utils.types import DagRunType

    from forewarn_airflow.run import run_of

    dag_run = SimpleNamespace(
        run_id="r", logical_date=DUE, run_after=DUE, partition_key=None, run_type=DagRunType(run_type)
    )
    assert run_of({"params": {"as_of_date": None, "live": True}, "dag_run": dag_run}, settings).live is live


def test_a_day_that_is_none_is_refused() -> None:
    from forewarn_airflow.run import as_of_date

    with pytest.raises(ValueError, match="Invalid isoformat string"):
        as_of_date("yesterday", partition_key=None, fixed=None, due=DUE)


@pytest.mark.parametrize(
    "error",
    [
        GateFailed("gate raw"),
        BuildFailed("dbt build"),
        SourceRejected("crm"),
        ConfigError("config/sources/crm.yml", 3, 1, "unknown key"),
    ],
)
def test_a_permanent_error_is_not_retried(error: Exception) -> None:
    from airflow.sdk import RetryAction

    from forewarn_airflow.policy import PERMANENT_ERRORS_FAIL

    assert PERMANENT_ERRORS_FAIL.evaluate(error, 1, 3).action is RetryAction.FAIL


@pytest.mark.parametrize("error", [SourceUnavailable("crm"), ConnectionResetError("peer"), TimeoutError()])
def test_anything_else_is_tried_again(error: Exception) -> None:
    from airflow.sdk import RetryAction

    from forewarn_airflow.policy import PERMANENT_ERRORS_FAIL

    assert PERMANENT_ERRORS_FAIL.evaluate(error, 1, 3).action is RetryAction.DEFAULT
