"""Which routes hear nothing of a case of theirs: silenced by a person, or inhibited by another matter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from psycopg2 import extensions

from forewarn.alerts.inhibition import inhibition_of
from forewarn.alerts.levels import Route
from forewarn.alerts.routing import Inhibition, Routing
from forewarn.alerts.signals import Signal
from forewarn.alerts.silences import Silence, silence_of, silences_on
from forewarn.alerts.step_conditions import true_conditions

Withheld = Literal["control", "pilot", "contact_cap", "circuit_breaker", "capacity", "silence", "inhibited"]


@dataclass(frozen=True)
class Withholding:
    """Why a route is not told of a case: in a word, and as a sentence."""

    why: Withheld
    reason: str


@dataclass(frozen=True)
class Quiet:
    """What keeps routes quiet on one day.

    Attributes
    ----------
    holds
        Customer → numbers of the silences whose condition is true.
    waiting
        Customer → names of the rules that cannot judge while data are late.
    """

    silences: Sequence[Silence] = ()
    inhibitions: Sequence[Inhibition] = ()
    holds: Mapping[str, Collection[str]] = field(default_factory=dict)
    waiting: Mapping[str, Collection[str]] = field(default_factory=dict)

    def of(self, customer_id: str, route: Route, signals: Sequence[Signal]) -> Withholding | None:
        """Return what keeps a route from hearing of a customer with these signals, if anything does."""
        own = [signal for signal in signals if signal.route == route] or signals
        if silence := silence_of(route, own, self.silences, self.holds.get(customer_id, ())):
            said = f"silence {silence.number} of {silence.by} until {silence.until}: {silence.reason}"
            return Withholding("silence", f"{route} is silenced, {said}")
        if found := inhibition_of(route, signals, self.waiting.get(customer_id, ()), self.inhibitions):
            inhibition, source = found
            return Withholding(
                "inhibited", f"{route} waits while {source} goes on, {inhibition.name}: {inhibition.reason}"
            )
        return None


def quiet_on(cursor: extensions.cursor, routing: Routing, day: date, customers: Sequence[str]) -> Quiet:
    """Return what keeps routes quiet on a day, for some customers."""
    silences = silences_on(cursor, day)
    conditions = {one.key: one.condition for one in silences if one.condition is not None}
    waiting: dict[str, list[str]] = {}
    if routing.inhibitions:
        cursor.execute(
            "select customer_id, name from alerts.hold where ended_as_of is null and kind = 'rule'"
            " and customer_id = any(%s)",
            [list(customers)],
        )
        for customer_id, name in cursor.fetchall():
            waiting.setdefault(customer_id, []).append(name)
    return Quiet(silences, routing.inhibitions, true_conditions(cursor, conditions, customers, day), waiting)
