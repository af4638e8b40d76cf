"""Report on the month that is over: what alerts were worth, who left without one, and what to change.

| task | what it does | what stops it |
|---|---|---|
| `monthly_report` | examines who left without an alert, writes the report, puts it into the outbox | a month not over |
| `dispatch` | sends what waits in the outbox and may go | |

It runs on the 1st, after `churn_daily` has published that day.

**Again.** Clear any task: files are written anew, and nobody gets a month's report twice.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag

from forewarn_airflow.operators import StageOperator
from forewarn_airflow.policy import DEFAULT_ARGS


@dag(
    # An installation whose clock is not the wall's (the simulated company) has an empty schedule.
    schedule="0 9 1 * *" if os.environ.get("FOREWARN_SCHEDULE", "often") else None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    default_args=DEFAULT_ARGS,
    tags=["forewarn", "churn", "monthly"],
    doc_md=__doc__,
)
def churn_evaluate() -> None:
    """Wire the stages."""
    report = StageOperator(task_id="monthly_report", stage="monthly_report")
    report >> StageOperator(task_id="dispatch", stage="dispatch")


churn_evaluate()
