"""An answer that was a mistake: taken back within a day, with everything that it had done."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from psycopg2 import extensions

from forewarn.alerts.answers import hold_case, published_day, stands
from forewarn.alerts.case_store import note
from forewarn.alerts.tasks import reopen_of_case
from forewarn.errors import Permanent

WITHIN = timedelta(hours=24)


def take_back(
    cursor: extensions.cursor,
    case_id: int,
    event_id: int | None = None,
    *,
    by: str,
    reason: str = "",
    only_own: bool = False,
    now: datetime,
) -> bool:
    """Undo an answer: the case is as before, a closed one with its tasks, and what the answer kept back waits again.

    Parameters
    ----------
    event_id
        The answer's event; the newest answer where it is None.
    only_own
        Refuse an answer of somebody else than `by`.

    Returns
    -------
    bool
        False where it was taken back already.

    Raises
    ------
    Permanent
        There is no such answer, another came after it, it is too old, or a newer case of the customer is under way.
    """
    state, _, snoozed_until, updated_as_of = hold_case(cursor, case_id)
    if event_id is not None:
        cursor.execute(
            "select 1 from alerts.case_event where case_id = %s and kind = 'taken_back'"
            " and (detail ->> 'event_id')::bigint = %s",
            [case_id, event_id],
        )
        if cursor.fetchone():
            return False
    answers = stands(cursor, case_id)
    newest = answers[0] if answers else None
    if newest is None or event_id not in (None, newest[0]):
        raise Permanent(
            f"case {case_id}",
            expected="an answer after which no other came",
            got="an earlier one" if newest else "none",
            next_step="see `forewarn case show`",
        )
    event, kind, detail, happened_at = newest
    if only_own and detail["by"] != by:
        raise Permanent(f"case {case_id}", expected=f"an answer of {by}", got=f"one of {detail['by']}")
    if now - happened_at > WITHIN:
        raise Permanent(
            f"case {case_id}",
            expected=f"an answer of the last {WITHIN.total_seconds() / 3600:g} hours",
            got=f"one of {happened_at:%Y-%m-%d %H:%M}",
        )
    if kind == "closed":
        _demand_no_newer(cursor, case_id)
        reopen_of_case(cursor, case_id, happened_at, by=by, now=now)
    if kind != "feedback":
        _restore(cursor, case_id, kind, detail, snoozed_until, now=now)
    day = max(published_day(cursor) or updated_as_of, updated_as_of)
    undone = {"by": by, "event_id": event, "from": state, "to": detail["from"]}
    said = "; ".join(part for part in (f"{kind} of {detail['by']}", reason) if part)
    note(cursor, [(case_id, "taken_back", said, undone)], as_of_date=day, now=now)
    return True


def _demand_no_newer(cursor: extensions.cursor, case_id: int) -> None:
    cursor.execute(
        'select n.case_id from alerts."case" as c join alerts."case" as n'
        " on n.customer_id = c.customer_id and n.episode > c.episode where c.case_id = %s",
        [case_id],
    )
    if newer := cursor.fetchone():
        raise Permanent(
            f"case {case_id}",
            expected="the newest case of its customer",
            got=f"case {newer[0]} since",
            next_step=f"answer case {newer[0]}",
        )


def _restore(
    cursor: extensions.cursor,
    case_id: int,
    kind: str,
    detail: dict[str, Any],
    snoozed_until: date | None,
    *,
    now: datetime,
) -> None:
    before = detail.get("snoozed_until")
    cursor.execute(
        'update alerts."case" set state = %s, outcome = null, closed_as_of = null, closed_at = null,'
        " intervention = null, intervention_presumed = null, intervention_cost = null,"
        " snoozed_until = %s, updated_at = %s where case_id = %s",
        [detail["from"], before if kind == "snoozed" else snoozed_until, now, case_id],
    )
    cursor.execute(
        "update alerts.outbox set state = case when attempts > 0 then 'retry' else 'pending' end, reason = null"
        " where alert_id = any(%s) and state = 'suppressed'",
        [detail.get("suppressed", [])],
    )
