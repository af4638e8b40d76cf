"""A model that was rejected in a run: recorded as a failed warning of a gate of its own, so that rules go on alone."""

from __future__ import annotations

import logging
from datetime import date, datetime

from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect

GATE = "model"
STEPS = ("train", "score")

_log = logging.getLogger(__name__)


def record(
    settings: Settings, as_of_date: date, run_id: str, step: str, rejected: ModelRejected, *, now: datetime
) -> dict[str, str]:
    """Record why, take back scores of the day that an earlier model may have left, and return the reason."""
    _log.warning("Rules go on alone: %s", rejected)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("delete from ml.score where as_of_date = %s", [as_of_date])
        cursor.execute(
            "insert into ops.gate_result (gate, as_of_date, run_id, table_name, expectation, severity, passed,"
            " observed, remedy, checked_at) values (%s, %s, %s, 'ml.score', %s, 'warning', false, %s, %s, %s)",
            [GATE, as_of_date, run_id, step, str(rejected), rejected.next_step, now],
        )
        connection.commit()
    return {"rejected": str(rejected)}


def forget(settings: Settings, as_of_date: date, run_id: str, step: str) -> None:
    """Forget what an earlier attempt of the same run recorded of a step."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "delete from ops.gate_result where gate = %s and as_of_date = %s and run_id = %s and expectation = %s",
            [GATE, as_of_date, run_id, step],
        )
        connection.commit()


def tell(
    settings: Settings,
    project: Project,
    rejected: ModelRejected | None,
    *,
    as_of_date: date,
    now: datetime,
    went_on: str = "",
) -> int:
    """Tell operations once that the model's scores are not used, and once that they are again; return new messages.

    `went_on` says why another model than the champion scored, and which; they hear of that in the same way.
    """
    from forewarn.alerts import OF_MODEL, Trouble, tell_operations

    name = project.churn.definition
    troubles = []
    if rejected:
        troubles.append(Trouble("model", name, "held", now, reason=str(rejected), advice=rejected.next_step))
    elif went_on:
        troubles.append(Trouble("model", name, "substituted", now, reason=went_on))
    return tell_operations(settings, project, troubles, as_of_date=as_of_date, now=now, kinds=OF_MODEL)


def stands(settings: Settings, as_of_date: date, run_id: str, *steps: str) -> bool:
    """Return whether a model was rejected in a run, at one of the steps or at any."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from ops.gate_result where gate = %s and as_of_date = %s and run_id = %s"
            " and expectation = any(%s))",
            [GATE, as_of_date, run_id, list(steps or STEPS)],
        )
        return bool((cursor.fetchone() or [False])[0])
