"""What becomes of the signals of one customer on a date: decisions without a database or a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Literal

from forewarn.alerts.language import Language
from forewarn.alerts.levels import ROUTES, Level, Route, combined, rank
from forewarn.alerts.signals import Signal

MOST_REASONS = 3
STOPPED = "circuit_breaker"
WAITS = frozenset({"pilot", "contact_cap", STOPPED, "capacity", "silence", "inhibited"})
NONE: Mapping[str, int] = MappingProxyType({})

Action = Literal["open", "raise", "join", "refresh", "leave", "suppress"]
Outcome = Literal["saved", "churned", "false_alarm", "no_answer"]


@dataclass(frozen=True)
class Known:
    """The newest case of a customer, as it is in the database."""

    case_id: int
    episode: int
    state: str
    level: Level
    updated_as_of: date
    routes: tuple[Route, ...]
    probability: float | None = None
    outcome: str | None = None
    closed_as_of: date | None = None
    snoozed_until: date | None = None
    withheld_routes: Mapping[str, str] = field(default_factory=dict)

    @property
    def waiting(self) -> tuple[Route, ...]:
        """The routes that were not told and are asked for again; none where the level is low."""
        if self.level == "low":
            return ()
        return tuple(route for route in self.routes if self.withheld_routes.get(route) in WAITS)


@dataclass(frozen=True)
class Plan:
    """What to do with a case, at which level, and why.

    Attributes
    ----------
    routes
        Whose signals took part in the episode so far; the first is the case's own.
    told
        Those of them that hear of it now.
    """

    action: Action
    level: Level
    reason: str
    routes: tuple[Route, ...]
    told: tuple[Route, ...] = ()


def plan(
    known: Known | None,
    signals: Sequence[Signal],
    as_of_date: date,
    cool_down_days: Mapping[str, int] = NONE,
    *,
    released: bool = False,
) -> Plan:
    """Decide what the signals of a date do to a case.

    Everyone concerned hears of a new case and of one that got worse, and a route that joins hears of the case once; a
    low one is only watched until it rises. A level never falls within an episode, so that a customer who wavers around
    a threshold is not announced twice; the case's own route changes only when the level does.

    A closed case lets nothing new open for the days that its outcome asks for in `cool_down_days`, unless it is graver
    than that case was. Of a case that is snoozed nobody hears, unless its level becomes high.

    What the circuit breaker kept back on this very day is decided once more when somebody has `released` it.
    """
    level = combined([signal.level for signal in signals])
    fired = f"{len(signals)} signal{'s' if len(signals) > 1 else ''}: {', '.join(signal.name for signal in signals)}"
    stopped = known is not None and STOPPED in known.withheld_routes.values()
    again = released and stopped and known is not None and known.updated_as_of == as_of_date
    if known is not None and known.updated_as_of >= as_of_date and not again:
        return Plan("leave", known.level, f"already decided as of {known.updated_as_of}", known.routes)
    routes = by_strength(signals)
    if known is None or known.state == "closed":
        if known is not None and (quiet := _quiet(known, level, as_of_date, cool_down_days)):
            return Plan("suppress", known.level, f"{quiet}; {fired}", known.routes)
        watched = "; watched, nobody is told until the level rises" if level == "low" else ""
        return Plan("open", level, f"{fired}{watched}", routes, told=() if watched else routes)
    snoozed = known.snoozed_until is not None and as_of_date < known.snoozed_until
    if rank(level) > rank(known.level):
        routes = tuple(dict.fromkeys([*routes, *known.routes]))
        silent = snoozed and level != "high"
        still = f"; snoozed until {known.snoozed_until}, nobody is told" if silent else ""
        reason = f"from {known.level} to {level}{still}; {fired}"
        return Plan("raise", level, reason, routes, told=() if silent else routes)
    if joined := tuple(route for route in routes if route not in known.routes):
        told = () if known.level == "low" or snoozed else (*known.waiting, *joined)
        reason = f"level stays {known.level}, {' and '.join(joined)} joined; {fired}"
        return Plan("join", known.level, reason, (*known.routes, *joined), told)
    # What was withheld is asked for again: whether it is told now is decided with all others of the day.
    told = () if snoozed else known.waiting
    still = "asked for again" if told else "nobody is told again"
    reason = f"level stays {known.level}, {still}; {fired}"
    return Plan("refresh", known.level, reason, known.routes, told=told)


def _quiet(known: Known, level: Level, as_of_date: date, cool_down_days: Mapping[str, int]) -> str:
    """Return why a closed case still keeps others from opening; empty where it does not."""
    days = cool_down_days.get(known.outcome or "", 0)
    if known.closed_as_of is None or rank(level) > rank(known.level):
        return ""
    until = known.closed_as_of + timedelta(days=days)
    return f"closed as {known.outcome} on {known.closed_as_of}, quiet until {until}" if as_of_date < until else ""


def by_strength(signals: Sequence[Signal]) -> tuple[Route, ...]:
    """Return the routes of signals, the one with the strongest signal first."""
    strongest = sorted(signals, key=lambda one: (-rank(one.level), ROUTES.index(one.route)))
    return tuple(dict.fromkeys(signal.route for signal in strongest))


def case_reasons(signals: Sequence[Signal], route: Route) -> list[dict[str, Any]]:
    """Return at most three reasons of distinct families: those that concern a route first, each kind strongest first.

    Where other routes have a reason as well, one of theirs is always among the three, since it is part of why the case
    stands where it does.

    Returns
    -------
    list of dict
        `family`, and `texts`: catalog → `{title, text}` for a rule, or `text` for a model's reason.
    """
    own = _by_family([signal for signal in signals if signal.route == route])
    others = _by_family([signal for signal in signals if signal.route != route])
    further = [reason for family, reason in others.items() if family not in own]
    return [*list(own.values())[: MOST_REASONS - bool(further)], *further][:MOST_REASONS]


def _by_family(signals: Sequence[Signal]) -> dict[str, dict[str, Any]]:
    """Return the strongest reason of each family.

    Rules come by level, before the model's reasons, since a rule names what somebody decided to watch for. The model
    gives reasons only where it is one of the signals.
    """
    rules = sorted(
        (signal for signal in signals if "family" in signal.evidence), key=lambda one: (-rank(one.level), one.name)
    )
    candidates = [{"family": rule.evidence["family"], "texts": rule.evidence["texts"]} for rule in rules]
    for signal in signals:
        candidates += [
            {"family": reason["family"], "text": reason["text"]} for reason in signal.evidence.get("reasons", [])
        ]
    distinct: dict[str, dict[str, Any]] = {}
    for candidate in candidates:
        distinct.setdefault(candidate["family"], candidate)
    return distinct


def said(reason: Mapping[str, Any], language: Language) -> dict[str, str | None]:
    """Return title and text of a reason in a reader's language."""
    if "texts" in reason:
        texts = language.choose(reason["texts"])
        return {"title": texts["title"], "text": texts["text"]}
    family = str(reason["family"])
    known = language.knows("family", family)
    return {"title": language.text("family", family) if known else None, "text": str(reason["text"])}
