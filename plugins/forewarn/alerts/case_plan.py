"""What becomes of the signals of one customer and route on a date: decisions without a database or a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from forewarn.alerts.language import Language
from forewarn.alerts.levels import Level, combined, rank
from forewarn.alerts.signals import Signal

MOST_REASONS = 3

Action = Literal["open", "raise", "refresh", "leave"]


@dataclass(frozen=True)
class Known:
    """The newest case of a customer and route, as it is in the database."""

    case_id: int
    episode: int
    state: str
    level: Level
    updated_as_of: date
    probability: float | None = None


@dataclass(frozen=True)
class Plan:
    """What to do with a case, at which level, and why; `notify` tells whether its owner hears of it."""

    action: Action
    level: Level
    reason: str

    @property
    def notify(self) -> bool:
        """A person hears of a new case and of one that got worse; a low one is only watched until it rises."""
        return self.action in ("open", "raise") and self.level != "low"


def plan(known: Known | None, signals: Sequence[Signal], as_of_date: date) -> Plan:
    """Decide what the signals of a date do to a case.

    A level never falls within an episode, so that a customer who wavers around a threshold is not announced twice.
    """
    level = combined([signal.level for signal in signals])
    fired = f"{len(signals)} signal{'s' if len(signals) > 1 else ''}: {', '.join(signal.name for signal in signals)}"
    if known is not None and known.updated_as_of >= as_of_date:
        return Plan("leave", known.level, f"already decided as of {known.updated_as_of}")
    if known is None or known.state == "closed":
        return Plan(
            "open", level, f"{fired}; watched, nobody is told until the level rises" if level == "low" else fired
        )
    if rank(level) > rank(known.level):
        return Plan("raise", level, f"from {known.level} to {level}; {fired}")
    return Plan("refresh", known.level, f"level stays {known.level}, nobody is told again; {fired}")


def case_reasons(signals: Sequence[Signal], score_reasons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return at most three reasons of distinct families, strongest first.

    Rules come by level, before the model's reasons, since a rule names what somebody decided to watch for.

    Returns
    -------
    list of dict
        `family`, and `texts`: catalog → `{title, text}` for a rule, or `text` for a model's reason.
    """
    rules = sorted(
        (signal for signal in signals if "family" in signal.evidence), key=lambda one: (-rank(one.level), one.name)
    )
    candidates = [{"family": rule.evidence["family"], "texts": rule.evidence["texts"]} for rule in rules]
    candidates += [{"family": reason["family"], "text": reason["text"]} for reason in score_reasons]
    distinct: dict[str, dict[str, Any]] = {}
    for candidate in candidates:
        distinct.setdefault(candidate["family"], candidate)
    return list(distinct.values())[:MOST_REASONS]


def said(reason: Mapping[str, Any], language: Language) -> dict[str, str | None]:
    """Return title and text of a reason in a reader's language."""
    if "texts" in reason:
        texts = language.choose(reason["texts"])
        return {"title": texts["title"], "text": texts["text"]}
    family = str(reason["family"])
    known = language.knows("family", family)
    return {"title": language.text("family", family) if known else None, "text": str(reason["text"])}
