"""Whom a matter reaches: by the routing table, its route, a deputy or the fallback, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict

from forewarn.alerts.addresses import is_address
from forewarn.alerts.content import Why
from forewarn.alerts.hours import zone_of
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.routing import RouteFile, Routing, RoutingRule
from forewarn.config.project import Channel, Project

if TYPE_CHECKING:
    from forewarn.alerts.signals import Signal


@dataclass(frozen=True)
class Owner:
    """A customer's account manager as the warehouse knows them."""

    name: str | None
    email: str | None
    locale: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class Absence:
    """A reader who is away on a day, and who stands in."""

    person: str
    deputy: str | None = None


@dataclass(frozen=True)
class Matter:
    """What a route is to be told of, as the routing table sees it.

    Attributes
    ----------
    rules, families
        Names and families of the signals.
    holds
        Names of the routing rules whose `where` holds for the customer.
    """

    route: Route
    level: Level
    rules: Collection[str] = ()
    families: Collection[str] = ()
    holds: Collection[str] = ()

    def fits(self, rule: RoutingRule) -> bool:
        """Tell whether a routing rule is about this."""
        return (
            (rule.where is None or rule.name in self.holds)
            and (not rule.routes or self.route in rule.routes)
            and (not rule.levels or self.level in rule.levels)
            and (not rule.rules or not set(rule.rules).isdisjoint(self.rules))
            and (not rule.families or not set(rule.families).isdisjoint(self.families))
        )


def matter(route: Route, level: Level, signals: Sequence[Signal], holds: Collection[str]) -> Matter:
    """Return what a route is to be told of: its own signals of the day, or all where it has none."""
    own = [signal for signal in signals if signal.route == route] or signals
    return Matter(route, level, {one.name for one in own}, {one.family for one in own}, holds)


class ToldTo(TypedDict):
    """The fields of an `Envelope` that are about its reader."""

    reader_name: str | None
    locale: str
    why: Why
    cause: str | None
    fallback: str | None


@dataclass(frozen=True)
class Recipient:
    """An address, the reader's name and language, and why it is this one.

    Attributes
    ----------
    cause
        With `why` routed, the routing rule; with deputy and away, who is away.
    fallback
        Who gets the message when this reader's server refuses it; None for that of the project.
    channels
        Over which it goes; empty for all of the project.
    time_zone
        Of the reader's clock; None for that of the project.
    """

    address: str
    name: str | None
    locale: str
    why: Why
    cause: str | None = None
    fallback: str | None = None
    channels: tuple[Channel, ...] = ()
    time_zone: str | None = None

    @property
    def told(self) -> ToldTo:
        """What the envelope of a message says of its reader."""
        return {
            "reader_name": self.name,
            "locale": self.locale,
            "why": self.why,
            "cause": self.cause,
            "fallback": self.fallback,
        }


@dataclass(frozen=True)
class Directory:
    """All that decides whom a matter reaches on one day; `away` is by address in lower case."""

    project: Project
    routing: Routing
    away: Mapping[str, Absence] = field(default_factory=dict)

    def readers(self, matter: Matter, owner: Owner) -> tuple[Recipient, ...]:
        """Return whom a matter reaches, each once: of the route or in its place first, then who is told as well."""
        fitting = [rule for rule in self.routing.rules if matter.fits(rule)]
        instead = next((rule for rule in fitting if rule.to), None)
        wanted: list[tuple[str, str | None]] = [(matter.route, None)]
        if instead:
            wanted = [(name, instead.name) for name in instead.to]
        wanted += [(name, rule.name) for rule in fitting for name in rule.also]
        found: dict[str, Recipient] = {}
        for name, rule_name in wanted:
            reader = self._reader(name, rule_name, owner)
            found.setdefault(reader.address.lower(), reader)
        return tuple(found.values())

    def at(self, to: str) -> Recipient:
        """Return the reader of a team or route by name, or of an address, or whoever stands in."""
        place = self.routing.places.get(to) or RouteFile(to=to)
        locale = place.locale or self.project.locale
        return self._unless_away(Recipient(place.to, place.name, locale, "team"), place)

    def _reader(self, name: str, rule: str | None, owner: Owner) -> Recipient:
        place = self.routing.places.get(name)
        if place is None:
            return self._fallback(RouteFile(to="owner"), "no_team")
        locale = self.project.locale
        if place.to != "owner":
            why: Why = "team" if rule is None else "routed"
            return self._unless_away(Recipient(place.to, place.name, place.locale or locale, why, rule), place)
        if owner.email is None or not is_address(owner.email):
            return self._fallback(place, "no_address" if owner.name else "no_owner")
        spoken = owner.locale or place.locale or locale
        # A zone that the source spells in its own way counts as none.
        own = owner.time_zone if zone_of(owner.time_zone) else None
        return self._unless_away(Recipient(owner.email, owner.name, spoken, "owner", time_zone=own), place)

    def _unless_away(self, reader: Recipient, place: RouteFile) -> Recipient:
        """Return a reader, or the deputy of one who is away; a deputy who is away too is followed no further."""
        absence = self.away.get(reader.address.lower())
        if absence is None:
            return _of(place, reader)
        who = reader.name or reader.address
        if absence.deputy is not None and is_address(absence.deputy) and absence.deputy.lower() not in self.away:
            return _of(place, Recipient(absence.deputy, None, reader.locale, "deputy", who))
        return self._fallback(place, "away", who)

    def _fallback(self, place: RouteFile, why: Why, cause: str | None = None) -> Recipient:
        last, locale = self.project.alerts.fallback_recipient, self.project.locale
        if place.fallback is not None and place.fallback.lower() not in self.away:
            return _of(place, Recipient(place.fallback, None, locale, why, cause))
        return Recipient(last, None, locale, why, cause)


def _of(place: RouteFile, reader: Recipient) -> Recipient:
    return replace(
        reader, fallback=place.fallback, channels=tuple(place.channels), time_zone=reader.time_zone or place.time_zone
    )
