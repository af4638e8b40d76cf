"""`routes.yml`: routes and teams, the rules that send a matter elsewhere, what silences what, and who is away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from forewarn.alerts.addresses import is_address
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.metrics import declared
from forewarn.alerts.rules import FAMILIES
from forewarn.alerts.yaml_place import read_expression
from forewarn.config.contact import TimeZone
from forewarn.config.project import Channel, Project
from forewarn.config.yaml import Document, did_you_mean
from forewarn.expressions import Expression

if TYPE_CHECKING:
    from forewarn.alerts.signals import Signal

FILE = "routes.yml"


def as_list(value: Any) -> Any:
    """Read a single value as a list of one."""
    return value if isinstance(value, list) else [value]


_SOME_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Texts = Annotated[list[str], BeforeValidator(as_list), WithJsonSchema(_SOME_TEXTS)]
Routes = Annotated[list[Route], BeforeValidator(as_list), WithJsonSchema(_SOME_TEXTS)]
Levels = Annotated[list[Level], BeforeValidator(as_list), WithJsonSchema(_SOME_TEXTS)]
Channels = Annotated[list[Channel], BeforeValidator(as_list), WithJsonSchema(_SOME_TEXTS)]


class RouteFile(BaseModel):
    """One route or team: `owner`, or an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str
    name: str | None = None
    locale: str | None = None
    time_zone: TimeZone | None = None
    fallback: str | None = None
    channels: Channels = []


class SignalsOf(BaseModel):
    """Which signals are meant; every key that is given must fit, and of its values any one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routes: Routes = []
    rules: Texts = []
    families: Texts = []

    def fits(self, signal: Signal) -> bool:
        """Tell whether a signal is meant."""
        return all(
            not wanted or given in wanted
            for wanted, given in (
                (self.routes, signal.route),
                (self.rules, signal.name),
                (self.families, signal.family),
            )
        )


class RoutingRule(SignalsOf):
    """One line of the routing table: which matters it is about, and who is told in place of their route or beside it.

    Attributes
    ----------
    name
        The message and `forewarn routes explain` name it.
    routes, rules, families, levels
        The matters; every key that is given must fit, and of its values any one. `rules` are names of rules, of changes
        of stage, or the definition of churn for the model.
    where
        Condition on the customer's own attributes, such as `region = 'north'`.
    to
        Routes or teams that are told instead; of the rules that fit the first with `to` counts.
    also
        Routes or teams that are told as well, of every rule that fits.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    levels: Levels = []
    where: str | None = Field(default=None, max_length=4000)
    to: Texts = []
    also: Texts = []


class Inhibition(BaseModel):
    """What is kept from its readers while something graver goes on with the same customer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    by: SignalsOf
    of: SignalsOf
    reason: str


class Away(BaseModel):
    """A reader who is away from a day on, until the day on which they are told again."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    person: str
    from_day: date = Field(alias="from")
    until: date
    deputy: str | None = None
    reason: str = ""


class RoutingFile(BaseModel):
    """The content of `routes.yml`; a route that is not in it goes to the fallback."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routes: dict[Route, RouteFile]
    teams: dict[str, RouteFile] = {}
    routing: list[RoutingRule] = []
    inhibitions: list[Inhibition] = []
    absences: list[Away] = []


@dataclass(frozen=True)
class Routing:
    """A checked `routes.yml`.

    Attributes
    ----------
    places
        Routes and teams by name.
    conditions
        What each rule's `where` says, by the rule's name; rules without one are left out.
    """

    places: Mapping[str, RouteFile]
    rules: Sequence[RoutingRule] = ()
    conditions: Mapping[str, Expression] = field(default_factory=dict)
    inhibitions: Sequence[Inhibition] = ()
    absences: Sequence[Away] = ()

    def check_reader(self, to: str, document: Document, path: Sequence[str | int]) -> None:
        """Check who another file says shall read something: a team, a route that is no owner's, or an address.

        Raises
        ------
        ConfigError
            It is none of them; at `path` of the document.
        """
        teams = [name for name, place in self.places.items() if place.to != "owner"]
        if to not in teams and not is_address(to):
            raise document.error(path, f"`{to}` is no team and no address", did_you_mean(to, teams))


def load_routing(project: Project, *, signals: Collection[str] | None = None) -> Routing:
    """Read `routes.yml` beside the playbooks; without the file account managers get theirs and the fallback the rest.

    Parameters
    ----------
    signals
        Names that a signal may have; where they are given, `rules` may name no other.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    file = project.path(project.playbooks).with_name(FILE)
    if not file.is_file():
        return Routing({"account_manager": RouteFile(to="owner")})
    document = Document(file)
    content = document.read(RoutingFile)
    places: dict[str, RouteFile] = {}
    for kind, some in (("routes", content.routes), ("teams", content.teams)):
        for name, place in some.items():
            if name in places:
                raise document.error([kind, name], f"a second `{name}`", "routes and teams share their names")
            _check_place(document, [kind, name], place, project)
            places[name] = place
    _once(document, "routing", [rule.name for rule in content.routing])
    _once(document, "inhibitions", [one.name for one in content.inhibitions])
    for number, rule in enumerate(content.routing):
        _check_rule(document, ["routing", number], rule, places)
        _check_signals(document, ["routing", number], rule, signals)
    for number, one in enumerate(content.inhibitions):
        for side, meant in (("by", one.by), ("of", one.of)):
            if meant == SignalsOf():
                raise document.error(["inhibitions", number, side], f"`{side}` means every signal", "name some of them")
            _check_signals(document, ["inhibitions", number, side], meant, signals)
    for number, away in enumerate(content.absences):
        _check_away(document, ["absences", number], away)
    attributes = dict.fromkeys(declared().attributes, "text")
    conditions = {
        rule.name: read_expression(document, ["routing", number, "where"], rule.where, attributes)
        for number, rule in enumerate(content.routing)
        if rule.where is not None
    }
    return Routing(places, content.routing, conditions, content.inhibitions, content.absences)


def _check_place(document: Document, path: list[str | int], place: RouteFile, project: Project) -> None:
    if place.to != "owner" and not is_address(place.to):
        raise document.error([*path, "to"], f"`{place.to}` is no address", "write `owner` or an address")
    if place.fallback is not None and not is_address(place.fallback):
        raise document.error([*path, "fallback"], f"`{place.fallback}` is no address")
    for channel in place.channels:
        if channel not in project.alerts.channels:
            hint = f"add it to alerts.channels of forewarn.yml; in use: {', '.join(project.alerts.channels)}"
            raise document.error([*path, "channels"], f"channel `{channel}` is not in use", hint)


def _check_rule(document: Document, path: list[str | int], rule: RoutingRule, places: Mapping[str, RouteFile]) -> None:
    if not rule.to and not rule.also:
        raise document.error(path, f"routing rule `{rule.name}` tells nobody", "add `to: …` or `also: …`")
    for key, names in (("to", rule.to), ("also", rule.also)):
        for name in names:
            if name not in places:
                raise document.error([*path, key], f"no route or team `{name}`", did_you_mean(name, list(places)))


def _check_signals(
    document: Document, path: list[str | int], meant: SignalsOf, signals: Collection[str] | None
) -> None:
    for key, names, known in (("families", meant.families, FAMILIES), ("rules", meant.rules, signals)):
        for name in names:
            if known is not None and name not in known:
                what = "family" if key == "families" else "rule"
                raise document.error([*path, key], f"unknown {what} `{name}`", did_you_mean(name, list(known)))


def _check_away(document: Document, path: list[str | int], away: Away) -> None:
    for key, address in (("person", away.person), ("deputy", away.deputy)):
        if address is not None and not is_address(address):
            raise document.error([*path, key], f"`{address}` is no address")
    if away.until <= away.from_day:
        raise document.error([*path, "until"], "an absence ends after it begins", "`until` is the first day back")
    if away.deputy is not None and away.deputy.lower() == away.person.lower():
        raise document.error([*path, "deputy"], "nobody stands in for themselves")


def _once(document: Document, key: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise document.error([key, number, "name"], f"a second `{name}`", "give it a name of its own")
        seen.add(name)
