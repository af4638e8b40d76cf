"""Run one day of early warning, from the sources to the account managers.

Pulls what is new out of every configured source, unites it in the warehouse, checks it, scores every eligible
customer, publishes the day, and puts an alert in front of the account manager who can still do something.

| task | what it does | what stops it |
|---|---|---|
| `streams`, `extract` | one mapped task per source stream lands rows in `raw_<source>` | a source blocks itself alone |
| `check_sources` | names blocked and late streams; what rests on late ones is unknown | no stream landed at all |
| `tell_operations` | sends what they must know, beside the day's chain and whatever becomes of it | |
| `gate_raw` | expectations on what was landed | a critical failure |
| `build_staging` … `build_marts` | dbt, a layer each | a failed model or test |
| `read_words` | sentiment, topics and competitors of new texts, between staging and intermediate | |
| `link_accounts` | compares new and changed accounts with all others: which are one customer | |
| `gate_features` | expectations on `marts.churn_features` | a critical failure |
| `train_if_missing`, `score`, `gate_scores` | scores with reasons; no fit model: rules alone | a critical failure |
| `publish` | readers of `bi` see this day, in one transaction | |
| `open_cases` | rules and scores open one case per customer and episode | |
| `dispatch` | sends what waits in the outbox | |
| `report` | notices figures out of the ordinary, makes reports; `churn_housekeeping` sends them | |

**Parameters.** `as_of_date`: everything strictly before that day (UTC) is known; default is the run's partition, else
the day of its logical date. `live`: switch off for a backfill, which then publishes and never alerts.

**Again.** Clear any task: it replaces its own rows and sends nothing twice. Errors marked permanent are not retried.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, chain, dag, task

from forewarn_airflow.operators import StageOperator
from forewarn_airflow.policy import DEFAULT_ARGS


@dag(
    # An installation whose clock is not the wall's (the simulated company) sets an empty schedule.
    schedule=os.environ.get("FOREWARN_SCHEDULE", "0 5 * * *") or None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=8),
    default_args=DEFAULT_ARGS,
    tags=["forewarn", "churn", "daily"],
    doc_md=__doc__,
    params={
        "as_of_date": Param(None, type=["null", "string"], format="date", description="Default: the run's own day."),
        "live": Param(True, type="boolean", description="Off: publish, but open no case and send nothing."),
    },
)
def churn_daily() -> None:
    """Wire the stages."""

    @task
    def streams() -> list[dict[str, str]]:
        from forewarn import stages
        from forewarn.config.settings import Settings

        return stages.streams(Settings.from_environment())

    check_sources = StageOperator(task_id="check_sources", stage="check_sources", trigger_rule="all_done")
    check_sources >> StageOperator(task_id="tell_operations", stage="tell_operations", trigger_rule="all_done")
    chain(
        StageOperator.partial(
            task_id="extract",
            stage="extract",
            map_index_template="{{ task.arguments.source }}.{{ task.arguments.stream }}",
            max_active_tis_per_dagrun=4,
        ).expand(arguments=streams()),
        check_sources,
        StageOperator(task_id="gate_raw", stage="gate", arguments={"gate": "raw"}),
        StageOperator(task_id="build_staging", stage="build", arguments={"layer": "staging"}),
        StageOperator(task_id="read_words", stage="read_words"),
        StageOperator(task_id="link_accounts", stage="link_accounts"),
        StageOperator(task_id="build_intermediate", stage="build", arguments={"layer": "intermediate"}),
        StageOperator(task_id="build_marts", stage="build", arguments={"layer": "marts"}),
        StageOperator(task_id="gate_features", stage="gate", arguments={"gate": "features"}),
        StageOperator(task_id="train_if_missing", stage="train_if_missing", execution_timeout=timedelta(hours=3)),
        StageOperator(task_id="score", stage="score"),
        StageOperator(task_id="gate_scores", stage="gate", arguments={"gate": "scores"}),
        StageOperator(task_id="publish", stage="publish"),
        StageOperator(task_id="open_cases", stage="open_cases"),
        StageOperator(task_id="dispatch", stage="dispatch"),
        StageOperator(task_id="report", stage="report"),
    )


churn_daily()
