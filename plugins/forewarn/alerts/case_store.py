"""Cases in the database: written in batches within the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json, execute_values

from forewarn.alerts.case_plan import Known, Plan
from forewarn.alerts.levels import Route
from forewarn.alerts.playbooks import Step
from forewarn.alerts.recipients import Recipient

Event = tuple[int, str, str, dict[str, Any]]


@dataclass(frozen=True)
class Draft:
    """A case as it is about to be written.

    Attributes
    ----------
    known
        The row that it changes or follows.
    steps
        What each route of the case does about it.
    """

    customer_id: str
    plan: Plan
    known: Known | None
    recipients: dict[Route, tuple[Recipient, ...]]
    owner_id: str | None
    owner_name: str | None
    owner_email: str | None
    probability: float | None
    value_at_stake: float
    expected_loss: float
    reasons: list[dict[str, Any]]
    next_step: str
    due_on: date
    steps: dict[Route, Step]

    @property
    def route(self) -> Route:
        """The case's own route."""
        return self.plan.routes[0]

    @property
    def episode(self) -> int:
        """The number of this episode, counted from 1 per customer."""
        return 1 if self.known is None else self.known.episode + (self.plan.action == "open")


def newest_cases(cursor: extensions.cursor, customers: Sequence[str]) -> dict[str, Known]:
    """Return the newest case of each customer."""
    cursor.execute(
        """
        select distinct on (customer_id) customer_id, case_id, episode, state, level, updated_as_of, routes,
            probability, outcome, closed_as_of, snoozed_until, withheld_routes
        from alerts."case" where customer_id = any(%s) order by customer_id, episode desc
        """,
        [list(customers)],
    )
    return {
        customer_id: Known(case_id, episode, state, level, updated, tuple(routes), *further)
        for customer_id, case_id, episode, state, level, updated, routes, *further in cursor.fetchall()
    }


def write(cursor: extensions.cursor, drafts: Sequence[Draft], *, as_of_date: date, now: datetime) -> dict[str, int]:
    """Insert or update cases; returns the id of each by customer."""
    opened = [draft for draft in drafts if draft.plan.action == "open"]
    changed = [draft for draft in drafts if draft.plan.action in ("raise", "join", "refresh")]
    ids = {draft.customer_id: draft.known.case_id for draft in changed if draft.known is not None}
    new = execute_values(
        cursor,
        'insert into alerts."case" (customer_id, episode, state, route, routes, level, owner_id, owner_name,'
        " owner_email, probability, value_at_stake, expected_loss, reasons, next_step, due_on, opened_as_of,"
        " updated_as_of, opened_at, updated_at) values %s returning customer_id, case_id",
        [
            (draft.customer_id, draft.episode, "open", *_values(draft), as_of_date, as_of_date, now, now)
            for draft in opened
        ],
        page_size=500,
        fetch=True,
    )
    execute_values(
        cursor,
        'update alerts."case" as c set route = v.route, routes = v.routes, level = v.level,'
        " owner_id = v.owner_id, owner_name = v.owner_name, owner_email = v.owner_email, probability = v.probability,"
        " value_at_stake = v.value_at_stake, expected_loss = v.expected_loss, reasons = v.reasons,"
        " next_step = v.next_step, due_on = case when v.level = c.level then c.due_on else v.due_on end,"
        " updated_as_of = v.updated_as_of, updated_at = v.updated_at"
        " from (values %s) as v (case_id, route, routes, level, owner_id, owner_name, owner_email, probability,"
        " value_at_stake, expected_loss, reasons, next_step, due_on, updated_as_of, updated_at)"
        " where c.case_id = v.case_id",
        [(ids[draft.customer_id], *_values(draft), as_of_date, now) for draft in changed],
        template="(%s, %s, %s::text[], %s, %s::text, %s::text, %s::text, %s::float8, %s::numeric, %s::numeric,"
        " %s::jsonb, %s, %s::date, %s::date, %s::timestamptz)",
        page_size=500,
    )
    return ids | dict(new)


def _values(draft: Draft) -> tuple[object, ...]:
    return (
        draft.route,
        list(draft.plan.routes),
        draft.plan.level,
        draft.owner_id,
        draft.owner_name,
        draft.owner_email,
        draft.probability,
        round(draft.value_at_stake, 2),
        round(draft.expected_loss, 2),
        Json(draft.reasons),
        draft.next_step,
        draft.due_on,
    )


def note(
    cursor: extensions.cursor,
    events: Sequence[tuple[int, str, str, dict[str, Any]]],
    *,
    as_of_date: date,
    now: datetime,
) -> None:
    """Append events to cases: id, kind, reason and detail of each."""
    execute_values(
        cursor,
        "insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at) values %s",
        [(case_id, as_of_date, kind, reason, Json(detail), now) for case_id, kind, reason, detail in events],
        page_size=1000,
    )


def write_withheld(cursor: extensions.cursor, found: Sequence[tuple[int, str | None, Mapping[str, str]]]) -> None:
    """Keep by case number why nobody is told of it, None where somebody is, and the routes that are not."""
    execute_values(
        cursor,
        'update alerts."case" as c set withheld = v.why, withheld_routes = v.routes'
        " from (values %s) as v (case_id, why, routes) where c.case_id = v.case_id",
        [(case_id, why, Json(dict(routes))) for case_id, why, routes in found],
        template="(%s::bigint, %s::text, %s::jsonb)",
        page_size=1000,
    )


def write_due(cursor: extensions.cursor, found: Sequence[tuple[int, date]]) -> None:
    """Let the time to answer begin anew: number of the case, whose reader is told of it only now, and its due day."""
    execute_values(
        cursor,
        'update alerts."case" as c set due_on = v.due_on from (values %s) as v (case_id, due_on)'
        " where c.case_id = v.case_id",
        found,
        template="(%s::bigint, %s::date)",
        page_size=1000,
    )


def note_suppressed(
    cursor: extensions.cursor, found: Sequence[tuple[int, str]], *, as_of_date: date, now: datetime
) -> int:
    """Record on closed cases, once a cool-down, why signals opened no other: number and reason. Returns how many."""
    execute_values(
        cursor,
        "insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)"
        " select v.case_id, v.as_of, 'suppressed', v.reason, '{\"why\": \"cool_down\"}', v.at"
        ' from (values %s) as v (case_id, reason, as_of, at) join alerts."case" as c on c.case_id = v.case_id'
        " where not exists (select from alerts.case_event as e where e.case_id = v.case_id"
        " and e.kind = 'suppressed' and e.detail ->> 'why' = 'cool_down')",
        [(case_id, reason, as_of_date, now) for case_id, reason in found],
        template="(%s::bigint, %s, %s::date, %s::timestamptz)",
        page_size=len(found) or 1,
    )
    return int(cursor.rowcount) if found else 0


def note_quiet(cursor: extensions.cursor, *, as_of_date: date, days: int, now: datetime) -> int:
    """Record, once a silence, each open case without a signal for `days` days; its state stays. Returns how many.

    A case with an alert that waits for late data is not silent: it is unknown whether it would have one.
    """
    cursor.execute(
        """
        insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)
        select c.case_id, %(as_of_date)s, 'quiet',
            format('no signal since %%s; the case stays %%s', c.updated_as_of, c.state),
            jsonb_build_object('last_signal', c.updated_as_of), %(now)s
        from alerts."case" as c
        where c.state <> 'closed' and c.updated_as_of <= %(as_of_date)s - %(days)s
          and not exists (
            select from alerts.case_event as e
            where e.case_id = c.case_id and e.kind = 'quiet' and e.as_of_date > c.updated_as_of
          )
          and not exists (select from alerts.hold as h where h.case_id = c.case_id and h.ended_as_of is null)
        """,
        {"as_of_date": as_of_date, "days": days, "now": now},
    )
    return int(cursor.rowcount)
