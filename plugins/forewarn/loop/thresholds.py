"""Which rule would be right more often at another threshold: each replayed on history beside the rule as it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor
from urllib.parse import quote, urlencode

from psycopg2 import extensions
from sqlglot import exp

from forewarn.alerts.backtest import backtest
from forewarn.alerts.metrics import declared
from forewarn.alerts.replay import Replayed
from forewarn.alerts.rule_ledger import rules_in
from forewarn.alerts.rules import Rule, stored_rule
from forewarn.config.project import Churn
from forewarn.expressions import written
from forewarn.loop.proportions import Arm, difference

FACTORS = (1.25, 1.5, 2.0, 3.0)
# Below so many judged alerts nothing is said of a rule.
LEAST_JUDGED = 30
# A threshold that gives up more of the leavers whom the rule foresees is no improvement.
LEAST_KEPT = 0.5


@dataclass(frozen=True)
class Changed:
    """A rule with one threshold moved: which metric, from where, to where."""

    rule: Rule
    metric: str
    before: float
    after: float


@dataclass(frozen=True)
class Suggestion:
    """A rule as it stands, and one that was right more often on the same dates."""

    rule_id: str
    change: Changed
    now: Replayed
    then: Replayed

    @property
    def command(self) -> str:
        """What replays the change, once it stands in the rule's file."""
        return f"forewarn rules backtest {self.rule_id}"

    def address(self, workbench_url: str) -> str:
        """Return the page of the rule's editor with the change in its form, ready to be tried."""
        return f"{workbench_url}/rules/{quote(self.rule_id)}?{urlencode({'when': self.change.rule.content.when})}"


def suggest(cursor: extensions.cursor, churn: Churn, *, as_of_date: date, days: int = 365) -> list[Suggestion]:
    """Return at most one suggestion a live rule, the rule with most alerts a week first; nothing is written."""
    live = rules_in(cursor, "live")
    tried = [(rule, list(variations(rule))) for rule in live]
    everything = [one for rule, changes in tried for one in (rule, *(change.rule for change in changes))]
    replayed = iter(backtest(cursor, everything, churn, as_of_date=as_of_date, days=days))
    found = []
    for rule, changes in tried:
        now, then = next(replayed), [next(replayed) for _ in changes]
        if (better := best(now, then)) is not None:
            found.append(Suggestion(rule.name, changes[better], now, then[better]))
    return sorted(found, key=lambda one: (-one.now.alerts_per_week, one.rule_id))


def best(now: Replayed, then: Sequence[Replayed]) -> int | None:
    """Return the place of the replay that foresees most leavers among those that are shown to be right more often.

    The alerts that a stricter threshold keeps are compared with those that it drops: two groups that share nobody. With
    several thresholds tried the interval is wider (Bonferroni), so that chance alone suggests nothing.
    """
    confidence = 1 - 0.05 / max(len(then), 1)
    better = []
    for place, one in enumerate(then):
        dropped = Arm(now.judged - one.judged, now.right - one.right)
        if one.judged < LEAST_JUDGED or dropped.customers < LEAST_JUDGED or not 0 <= dropped.left <= dropped.customers:
            continue
        gain = difference(Arm(one.judged, one.right), dropped, confidence=confidence)
        if gain is not None and gain.low > 0 and one.foreseen >= LEAST_KEPT * now.foreseen:
            better.append((one.foreseen, one.precision or 0.0, place))
    return max(better)[2] if better else None


def variations(rule: Rule) -> Iterator[Changed]:
    """Yield the rule with one of its thresholds made stricter: `at least` raised, `at most` lowered."""
    for place, (metric, value, stricter_is_more) in enumerate(_thresholds(rule)):
        for moved in _stricter(value, stricter_is_more):
            tree = rule.condition.tree.copy()
            node = [one for one in tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE) if _threshold(one)][place]
            literal = node.expression if isinstance(node.expression, exp.Literal) else node.this
            literal.replace(exp.Literal.number(f"{moved:g}"))
            when = tree.sql(dialect="postgres", identify=True, comments=False)
            content = rule.content.model_dump(mode="json") | {"when": when}
            changed = stored_rule(content)
            if written(changed.condition) != written(rule.condition):
                yield Changed(changed, metric, value, float(f"{moved:g}"))


def _stricter(value: float, more: bool) -> list[float]:
    moved = [value * factor if more else value / factor for factor in FACTORS]
    if value.is_integer():
        # What is counted has no halves.
        moved = [float(ceil(one) if more else floor(one)) for one in moved]
    return [one for one in dict.fromkeys(moved) if one > 0]


def _thresholds(rule: Rule) -> list[tuple[str, float, bool]]:
    nodes = rule.condition.tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE)
    return [found for node in nodes if (found := _threshold(node)) is not None]


def _threshold(node: exp.Expr) -> tuple[str, float, bool] | None:
    """Return the metric, the number it is held against, and whether a higher number is stricter; None otherwise."""
    left, right = node.this, node.args.get("expression")
    more = isinstance(node, exp.GT | exp.GTE)
    if isinstance(left, exp.Literal) and isinstance(right, exp.Column):
        left, right, more = right, left, not more
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Literal) or right.is_string:
        return None
    value = float(right.this)
    # Nothing is not half as much, and an attribute has no threshold.
    return (left.name, value, more) if value > 0 and left.name in declared().metrics else None
