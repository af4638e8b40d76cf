"""Readers who are away, and who stands in for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2 import extensions

from forewarn.alerts.addresses import is_address
from forewarn.alerts.recipients import Absence
from forewarn.alerts.routing import Away
from forewarn.alerts.spans import HOLDS
from forewarn.errors import Permanent


@dataclass(frozen=True)
class NewAbsence:
    """An absence that somebody enters; `until` is the first day back, and without a deputy the fallback is told."""

    person: str
    from_day: date
    until: date
    deputy: str | None
    reason: str


def away_on(cursor: extensions.cursor, day: date, of_file: Iterable[Away] = ()) -> dict[str, Absence]:
    """Return who is away on a day, by address in lower case; of one person what was entered last counts."""
    found = {one.person.lower(): Absence(one.person, one.deputy) for one in of_file if one.from_day <= day < one.until}
    cursor.execute(f"select person, deputy from alerts.absence where {HOLDS} order by absence_id", {"day": day})
    return found | {person.lower(): Absence(person, deputy) for person, deputy in cursor.fetchall()}


def add_absence(cursor: extensions.cursor, new: NewAbsence, *, by: str, now: datetime) -> int:
    """Enter an absence; the caller commits. Returns its number.

    Raises
    ------
    Permanent
        It cannot be meant, or the person is away in that time already.
    """
    for address in (new.person, new.deputy):
        if address is not None and not is_address(address):
            raise Permanent("absence", expected="an e-mail address", got=address)
    if new.until <= new.from_day:
        raise Permanent(
            "absence", expected=f"a first day back after {new.from_day}", got=str(new.until), next_step="mend --until"
        )
    if new.deputy is not None and new.deputy.lower() == new.person.lower():
        raise Permanent("absence", expected="somebody else as deputy", got=new.deputy)
    cursor.execute("select pg_advisory_xact_lock(hashtext('forewarn.absences'))")
    cursor.execute(
        "select absence_id, from_day, least(until_day, ended_day) from alerts.absence where lower(person) = lower(%s)"
        " and from_day < %s and %s < least(until_day, ended_day) order by 1",
        [new.person, new.until, new.from_day],
    )
    if known := cursor.fetchone():
        raise Permanent(
            f"absence of {new.person}",
            expected="days on which they are there",
            got=f"absence {known[0]}, from {known[1]} until {known[2]}",
            next_step=f"end it first: forewarn absence end {known[0]}",
        )
    cursor.execute(
        "insert into alerts.absence (person, from_day, until_day, deputy, reason, entered_by, entered_at)"
        " values (%s, %s, %s, %s, %s, %s, %s) returning absence_id",
        [new.person, new.from_day, new.until, new.deputy, new.reason, by, now],
    )
    return int((cursor.fetchone() or [0])[0])
