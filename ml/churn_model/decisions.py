"""Keep why each model was taken or not: a row of `ml.decision` each, beside the tags of MLflow."""

from __future__ import annotations

from datetime import date, datetime

from psycopg2 import extensions


def keep(
    connection: extensions.connection,
    *,
    as_of_date: date,
    run_id: str,
    definition: str,
    model: str,
    version: str | None,
    candidate: str | None,
    outcome: str,
    reason: str,
    now: datetime,
) -> None:
    """Add a decision and commit; `outcome` is champion, challenger, refused, promoted or kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ml.decision (as_of_date, run_id, definition, model_name, model_version, candidate, outcome,"
            " reason, decided_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [as_of_date, run_id, definition, model, version, candidate, outcome, reason, now],
        )
    connection.commit()
