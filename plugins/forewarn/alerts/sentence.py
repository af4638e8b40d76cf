"""Sentences with metric values: `{overdue_amount}`, and `{revenue_trend_90d:drop}` for a fall in percent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from string import Formatter

from forewarn.alerts.language import Language
from forewarn.alerts.metrics import Metrics, Unit

# What may follow the colon: the metric is a ratio to its baseline and the sentence tells the change.
CHANGES = ("drop", "rise")


class SentenceError(ValueError):
    """A template that cannot be filled; the message says which part."""


@lru_cache(maxsize=1024)
def names(template: str) -> frozenset[str]:
    """Return the metrics that a template shows."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def check(template: str, metrics: Metrics) -> None:
    """Refuse a template that names an unknown metric or format.

    Raises
    ------
    SentenceError
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise SentenceError(f"not a sentence with {{metric}} in it: {error}") from error
    for _, name, change, conversion in parts:
        if name is None:
            continue
        if name not in metrics.metrics and name not in metrics.attributes:
            raise SentenceError(f"unknown metric `{name}`")
        if conversion or (change and change not in CHANGES):
            raise SentenceError(f"`{name}` may be followed by {' or '.join(f':{known}' for known in CHANGES)} only")


def fill(
    variants: Sequence[str], values: Mapping[str, object], metrics: Metrics, language: Language, currency: str
) -> str:
    """Return the first variant all of whose values are known, filled; the last one when none is.

    A value that is unknown nevertheless is shown as `?`.
    """
    known = [variant for variant in variants if all(values.get(name) is not None for name in names(variant))]
    template = (known or list(variants)[-1:])[0]
    filled = []
    for literal, name, change, _ in _parts(template):
        filled.append(literal)
        if name is not None:
            filled.append(_show(values.get(name), change or "", metrics.metrics.get(name), language, currency))
    return "".join(filled)


@lru_cache(maxsize=1024)
def _parts(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    return list(Formatter().parse(template))


def _show(value: object, change: str, unit: Unit | None, language: Language, currency: str) -> str:
    if value is None:
        return "?"
    if unit is None or not isinstance(value, int | float):
        return str(value)
    if change:
        return language.percent(1 - value if change == "drop" else value - 1)
    if unit == "money":
        return language.money(value, currency)
    show: dict[str, Callable[[float], str]] = {
        "days": language.days,
        "months": language.months,
        "share": language.percent,
    }
    return show.get(unit, language.number)(value)
