"""Let go of what is older than its period: every night.

| task | what it does | what stops it |
|---|---|---|
| `retain` | deletes or empties what `retention` in forewarn.yml says; customers under a legal hold keep theirs | |

**Again.** Clear the task: what is gone stays gone.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag

from forewarn_airflow.operators import StageOperator
from forewarn_airflow.policy import DEFAULT_ARGS


@dag(
    # An installation whose clock is not the wall's (the simulated company) has an empty schedule.
    schedule="30 2 * * *" if os.environ.get("FOREWARN_SCHEDULE", "nightly") else None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args=DEFAULT_ARGS,
    tags=["forewarn", "churn", "privacy"],
    doc_md=__doc__,
)
def churn_retention() -> None:
    """Wire the stage."""
    StageOperator(task_id="retain", stage="retain")


churn_retention()
