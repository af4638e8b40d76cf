"""Of which cases people are told today, and of which not: why, in the order in which it is asked.

Silences and inhibitions of a route, control group, pilot, contact cap, circuit breaker, a reader's week. A case that is
withheld is a case like any other, with its reasons and its event: only its messages are not written. But for the
control group it is asked for again each day that still has signals.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from psycopg2 import extensions

from forewarn.alerts.case_store import Draft
from forewarn.alerts.circuit_breaker import stop
from forewarn.alerts.contact_cap import capped, resting
from forewarn.alerts.levels import Route
from forewarn.alerts.metrics import declared
from forewarn.alerts.quiet import Quiet, Withholding
from forewarn.alerts.signals import Signal
from forewarn.alerts.step_conditions import true_conditions
from forewarn.alerts.yaml_place import read_expression
from forewarn.config.project import Project
from forewarn.config.yaml import Document
from forewarn.expressions import Expression

WEEK = timedelta(days=7)
PILOT = "pilot"


def worth(draft: Draft, project: Project) -> float:
    """Return what telling of a case is worth, in the project's currency a year.

    Probability, value at stake and the share of it that a contact saves, less what the contact costs (both of `model`).
    """
    return draft.expected_loss * project.model.saved_share - (project.model.contact_cost or 0.0)


def in_control(customer_id: str, share: float) -> bool:
    """Tell whether a customer is of the control group: by a hash of the id, so that it stays so for ever."""
    drawn = int.from_bytes(hashlib.sha256(f"control:{customer_id}".encode()).digest()[:8], "big")
    return drawn < share * 2**64


def withhold(
    cursor: extensions.cursor,
    drafts: Sequence[Draft],
    project: Project,
    groups: Mapping[str, Sequence[Signal]],
    quiet: Quiet,
    *,
    as_of_date: date,
    now: datetime,
) -> dict[str, dict[Route, Withholding]]:
    """Return by customer the routes that are not told today, of those that should be.

    Parameters
    ----------
    drafts
        The one that is worth most first.
    groups
        The signals of each customer.

    Raises
    ------
    ConfigError
        `alerts.pilot` says something that cannot be meant.
    """
    found: dict[str, dict[Route, Withholding]] = {}
    wanted = []
    for draft in drafts:
        customer = draft.customer_id
        silent = {route: quiet.of(customer, route, groups[customer]) for route in draft.plan.told}
        found[customer] = {route: why for route, why in silent.items() if why is not None}
        if told := [route for route in draft.plan.told if route not in found[customer]]:
            wanted.append((draft, told))
    if wanted:
        for customer, routes, why in _whole(cursor, wanted, project, as_of_date=as_of_date, now=now):
            found[customer] |= dict.fromkeys(routes, why)
    return {customer: routes for customer, routes in found.items() if routes}


def _whole(
    cursor: extensions.cursor,
    wanted: Sequence[tuple[Draft, list[Route]]],
    project: Project,
    *,
    as_of_date: date,
    now: datetime,
) -> Iterator[tuple[str, list[Route], Withholding]]:
    """Yield whom nobody is told of at all, in the order in which it is asked why."""
    inside = within_pilot(cursor, project, [draft.customer_id for draft, _ in wanted], as_of_date)
    told_enough = capped(cursor, [draft for draft, _ in wanted], project.alerts.contact_cap, as_of_date=as_of_date)
    in_peace = resting(cursor, wanted, as_of_date=as_of_date)
    left = []
    for draft, routes in wanted:
        customer = draft.customer_id
        if in_control(customer, project.alerts.control_share):
            of_control = "of the control group: nobody is told, to see what comes of it"
            yield customer, routes, Withholding("control", of_control)
        elif customer not in inside:
            outside = "outside the pilot: alerts.pilot does not hold for the customer"
            yield customer, routes, Withholding("pilot", outside)
        elif customer in told_enough:
            yield customer, routes, Withholding("contact_cap", told_enough[customer])
        else:
            of_playbook = in_peace.get(customer, {})
            for route, why in of_playbook.items():
                yield customer, [route], Withholding("contact_cap", why)
            if now_told := [route for route in routes if route not in of_playbook]:
                left.append((draft, now_told))
    if why := stop(cursor, [draft.customer_id for draft, _ in left], project, as_of_date=as_of_date, now=now):
        yield from ((draft.customer_id, routes, Withholding("circuit_breaker", why)) for draft, routes in left)
    else:
        yield from _beyond_capacity(cursor, left, project, now=now)


def _beyond_capacity(
    cursor: extensions.cursor, drafts: Sequence[tuple[Draft, list[Route]]], project: Project, *, now: datetime
) -> Iterator[tuple[str, list[Route], Withholding]]:
    most = project.alerts.weekly_capacity
    if most is None:
        return
    used = _used(cursor, now=now)
    for place, (draft, routes) in enumerate(drafts, start=1):
        reader = draft.recipients[routes[0]][0].address.lower()
        if used[reader] >= most:
            of = f"{place} of {len(drafts)} by what a call is worth ({worth(draft, project):,.0f})"
            full = f"{reader} has had {used[reader]} in seven days, and {most} are what a week holds"
            yield draft.customer_id, routes, Withholding("capacity", f"{of}; {full}")
        else:
            used[reader] += 1


def pilot(project: Project) -> Expression | None:
    """Return the condition of the pilot; None where everybody is in it.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    if project.alerts.pilot is None:
        return None
    document = Document(project.folder / "forewarn.yml")
    attributes = dict.fromkeys(declared().attributes, "text")
    return read_expression(document, ["alerts", "pilot"], project.alerts.pilot, attributes)


def within_pilot(
    cursor: extensions.cursor, project: Project, customers: Sequence[str], as_of_date: date
) -> Collection[str]:
    """Return those of some customers of whom the pilot lets people be told: all, where there is none."""
    condition = pilot(project)
    if condition is None:
        return customers
    true = true_conditions(cursor, {PILOT: condition}, customers, as_of_date)
    return {customer for customer, names in true.items() if names}


def _used(cursor: extensions.cursor, *, now: datetime) -> Counter[str]:
    """Return of how many cases each reader has been told within a week."""
    cursor.execute(
        "select lower(recipient), count(distinct case_id) from alerts.outbox"
        " where kind = 'case' and created_at > %s and state not in ('dead', 'expired', 'suppressed') group by 1",
        [now - WEEK],
    )
    return Counter(dict(cursor.fetchall()))
