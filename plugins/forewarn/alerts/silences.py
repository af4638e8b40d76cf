"""Silences: signals that have cases like all others, and of which nobody is told for a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast, get_args

from psycopg2 import extensions

from forewarn.alerts.levels import Route
from forewarn.alerts.metrics import declared
from forewarn.alerts.signals import Signal
from forewarn.alerts.spans import HOLDS
from forewarn.config.yaml import did_you_mean
from forewarn.errors import Permanent
from forewarn.expressions import Expression, ExpressionError, parse


@dataclass(frozen=True)
class NewSilence:
    """A silence that somebody enters: what it is about, at least one of the four, and until which day it holds."""

    from_day: date
    until: date
    reason: str
    customer_id: str | None = None
    signal: str | None = None
    route: str | None = None
    condition: str | None = None


@dataclass(frozen=True)
class Silence:
    """A silence that holds on a day; `condition` is over the customer's attributes."""

    number: int
    until: date
    reason: str
    by: str
    customer_id: str | None = None
    signal: str | None = None
    route: str | None = None
    condition: Expression | None = field(default=None, kw_only=True)

    @property
    def key(self) -> str:
        """Under which its condition is asked for."""
        return str(self.number)

    def fits(self, signal: Signal, route: Route, holds: Collection[str]) -> bool:
        """Tell whether it keeps a route from hearing of a signal; `holds` are the conditions true of the customer."""
        return (
            self.customer_id in (None, signal.customer_id)
            and self.signal in (None, signal.name)
            and self.route in (None, route)
            and (self.condition is None or self.key in holds)
        )


def silences_on(cursor: extensions.cursor, day: date) -> list[Silence]:
    """Return the silences that hold on a day.

    Raises
    ------
    Permanent
        The condition of one names an attribute that is no longer declared.
    """
    cursor.execute(
        "select silence_id, until_day, reason, entered_by, condition, customer_id, signal, route from alerts.silence"
        f" where {HOLDS} order by silence_id",
        {"day": day},
    )
    return [
        Silence(number, until, reason, by, *about, condition=None if text is None else _read(text, f"silence {number}"))
        for number, until, reason, by, text, *about in cursor.fetchall()
    ]


def silence_of(
    route: Route, signals: Sequence[Signal], silences: Sequence[Silence], holds: Collection[str]
) -> Silence | None:
    """Return what silences a route: each of its signals has a silence that fits. Of several the first is named."""
    found = [next((one for one in silences if one.fits(signal, route, holds)), None) for signal in signals]
    return found[0] if found and all(found) else None


def add_silence(cursor: extensions.cursor, new: NewSilence, *, by: str, now: datetime) -> int:
    """Enter a silence; the caller commits. Returns its number.

    Raises
    ------
    Permanent
        It cannot be meant: it is about everything, ends before it begins, or names what there is not.
    """
    if not any((new.customer_id, new.signal, new.route, new.condition)):
        raise Permanent("silence", expected="a customer, a rule, a route or a condition", got="none of them")
    if new.until <= new.from_day:
        raise Permanent("silence", expected=f"an end after {new.from_day}", got=str(new.until))
    routes = get_args(Route)
    if new.route is not None and new.route not in routes:
        raise Permanent("silence", expected="a route", got=new.route, next_step=did_you_mean(new.route, routes))
    if new.condition is not None:
        _read(new.condition, "silence")
    cursor.execute(
        "insert into alerts.silence (customer_id, signal, route, condition, from_day, until_day, reason, entered_by,"
        " entered_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning silence_id",
        [
            *(new.customer_id, new.signal, new.route, new.condition),
            *(new.from_day, new.until, new.reason, by, now),
        ],
    )
    return cast(int, (cursor.fetchone() or [0])[0])


def _read(text: str, subject: str) -> Expression:
    try:
        return parse(text, dict.fromkeys(declared().attributes, "text"))
    except ExpressionError as error:
        raise Permanent(
            subject, expected="a condition on attributes of customers", got=error.problem, next_step=error.hint
        ) from error
