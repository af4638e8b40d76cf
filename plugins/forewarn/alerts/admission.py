"""Of which cases people are told today: not of the control group, within the pilot, and no more than a week can hold.

A case that is withheld is a case like any other, with its reasons and its event: only its messages are not written. One
that lies outside the pilot or beyond capacity is asked for again each day that still has signals.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psycopg2 import extensions, sql

from forewarn.alerts.case_store import Draft
from forewarn.alerts.metrics import declared
from forewarn.alerts.rule_query import condition
from forewarn.alerts.yaml_place import read_expression
from forewarn.config.project import Project
from forewarn.config.yaml import Document
from forewarn.expressions import Expression

Withheld = Literal["control", "pilot", "capacity"]
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Withholding:
    """Why nobody is told of a case: in a word, and as a sentence."""

    why: Withheld
    reason: str


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
    cursor: extensions.cursor, drafts: Sequence[Draft], project: Project, *, now: datetime
) -> dict[str, Withholding]:
    """Return the customers of whose cases nobody is told today, of those that somebody should be told of.

    Parameters
    ----------
    drafts
        The one that is worth most first.

    Raises
    ------
    ConfigError
        `alerts.pilot` says something that cannot be meant.
    """
    wanted = [draft for draft in drafts if draft.plan.told]
    if not wanted:
        return {}
    alerts, found = project.alerts, dict[str, Withholding]()
    inside = _pilot(cursor, project, [draft.customer_id for draft in wanted])
    used = _used(cursor, now=now) if alerts.weekly_capacity else Counter[str]()
    for place, draft in enumerate(wanted, start=1):
        customer = draft.customer_id
        reader = draft.recipients[draft.route].address.lower()
        if in_control(customer, alerts.control_share):
            found[customer] = Withholding("control", "of the control group: nobody is told, to see what comes of it")
        elif inside is not None and customer not in inside:
            found[customer] = Withholding("pilot", "outside the pilot: alerts.pilot does not hold for the customer")
        elif alerts.weekly_capacity and used[reader] >= alerts.weekly_capacity:
            of = f"{place} of {len(wanted)} by what a call is worth ({worth(draft, project):,.0f})"
            full = f"{reader} has had {used[reader]} in seven days, and {alerts.weekly_capacity} are what a week holds"
            found[customer] = Withholding("capacity", f"{of}; {full}")
        else:
            used[reader] += 1
    return found


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


def _pilot(cursor: extensions.cursor, project: Project, customers: Sequence[str]) -> set[str] | None:
    holds = pilot(project)
    if holds is None:
        return None
    cursor.execute(
        sql.SQL("select d.customer_id from marts.dim_customers as d where d.customer_id = any(%s) and ({})").format(
            condition(holds, "d")
        ),
        [list(customers)],
    )
    return {customer for (customer,) in cursor.fetchall()}


def _used(cursor: extensions.cursor, *, now: datetime) -> Counter[str]:
    """Return of how many cases each reader has been told within a week."""
    cursor.execute(
        "select lower(recipient), count(distinct case_id) from alerts.outbox"
        " where kind = 'case' and created_at > %s and state not in ('dead', 'expired', 'suppressed') group by 1",
        [now - WEEK],
    )
    return Counter(dict(cursor.fetchall()))
