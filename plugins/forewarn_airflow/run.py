"""What a task must know of its run: the installation, the day, and where its connections are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from forewarn.config.settings import Settings
from forewarn.stages import Run, own_day


def run_of(context: Mapping[str, Any], settings: Settings) -> Run:
    """Return the run that a task belongs to.

    The day is the first known of: the parameter `as_of_date`, the run's partition, the installation's own day (data
    that end in the past), the day of the logical date, the day on which the run became due. A backfill is never live.
    """
    params, dag_run = context["params"], context["dag_run"]
    return Run(
        as_of_date=as_of_date(
            params.get("as_of_date"),
            partition_key=getattr(dag_run, "partition_key", None),
            fixed=own_day(settings),
            due=dag_run.logical_date or dag_run.run_after,
        ),
        run_id=dag_run.run_id,
        now=datetime.now(UTC),
        live=bool(params.get("live", True)) and dag_run.run_type != "backfill",
    )


def as_of_date(param: str | None, *, partition_key: str | None, fixed: date | None, due: datetime) -> date:
    """Return the day of a run; see `run_of` for the order."""
    named = param or partition_key
    if named:
        return date.fromisoformat(named[:10])
    return fixed or due.astimezone(UTC).date()
