"""Every ten minutes: send what is due, tell operations when nothing ran, try again rows that somebody asked for.

Messages wait for their reader's working hours and for the morning's digest, and failed ones for their next attempt.
`churn_daily` sends once a day; this sends the rest.

| task | what it does | what stops it |
|---|---|---|
| `heartbeat` | puts an alert into the outbox when no day was published within `alerts.heartbeat_hours` | |
| `dispatch` | sends what waits in the outbox and may go | |
| `redrive` | lands rows that were set aside, where the workbench asked for it | a build that is running: later |

It notices a `churn_daily` that is paused or fails. That Airflow itself is dead only another machine can notice:
`forewarn heartbeat` in its cron.

**Again.** Clear any task: nothing is sent or told twice.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag

from forewarn_airflow.operators import StageOperator
from forewarn_airflow.policy import DEFAULT_ARGS


@dag(
    # An installation whose clock is not the wall's (the simulated company) has an empty schedule.
    schedule="*/10 * * * *" if os.environ.get("FOREWARN_SCHEDULE", "often") else None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args=DEFAULT_ARGS,
    tags=["forewarn", "churn", "housekeeping"],
    doc_md=__doc__,
)
def churn_housekeeping() -> None:
    """Wire the stages."""
    heartbeat = StageOperator(task_id="heartbeat", stage="heartbeat")
    heartbeat >> StageOperator(task_id="dispatch", stage="dispatch", trigger_rule="all_done")
    # Beside the messages: neither waits for the other.
    StageOperator(task_id="redrive", stage="redrive", execution_timeout=timedelta(minutes=30))


churn_housekeeping()
