"""Train the churn model again: weekly, or as soon as the daily watch sees it move.

Runs every day after `churn_daily` and ends at once on most of them.

| task | what it does | what stops it |
|---|---|---|
| `is_due` | no champion, a week gone by, or `ml.watch` saw what it had not | it is not due: the rest is skipped |
| `retrain` | promotes a challenger that has earned it; trains another where none is on trial | |
| `find_drivers` | what the company's churn hangs on, with intervals, in `ml.driver` | |
| `find_segments` | customers who behave alike, in `ml.segment` | |
| `find_suggestions` | what else each customer would buy, in `ml.suggestion` | |

**Parameters.** `as_of_date`: only labels whose window had closed by this day are used; default as for `churn_daily`.
`force`: train whether it is due or not.

**Again.** Clear any task: it replaces its own rows; a training adds a version and moves no alias unless it is better.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Param, chain, dag, get_current_context, task

from forewarn_airflow.operators import StageOperator
from forewarn_airflow.policy import DEFAULT_ARGS


@dag(
    # An installation whose clock is not the wall's (the simulated company) has an empty schedule.
    schedule="0 9 * * *" if os.environ.get("FOREWARN_SCHEDULE", "daily") else None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["forewarn", "churn", "weekly"],
    doc_md=__doc__,
    params={
        "as_of_date": Param(None, type=["null", "string"], format="date", description="Default: the run's own day."),
        "force": Param(False, type="boolean", description="Train whether it is due or not."),
    },
)
def churn_retrain() -> None:
    """Wire the stages."""

    @task.short_circuit
    def is_due() -> Any:
        from forewarn import retraining
        from forewarn.config.settings import Settings
        from forewarn_airflow.run import run_of

        context, settings = get_current_context(), Settings.from_environment()
        return context["params"]["force"] or retraining.is_due(settings, run_of(context, settings))["due"]

    chain(
        is_due(),
        StageOperator(task_id="retrain", stage="retrain", execution_timeout=timedelta(hours=3)),
        StageOperator(task_id="find_drivers", stage="find_drivers"),
        StageOperator(task_id="find_segments", stage="find_segments"),
        StageOperator(task_id="find_suggestions", stage="find_suggestions"),
    )


churn_retrain()
