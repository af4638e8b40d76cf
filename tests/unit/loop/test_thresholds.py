"""Which thresholds are tried, and which replay is better by more than chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from forewarn.alerts.replay import Replayed
from forewarn.alerts.rules import Rule, load_rules, stored_rule
from forewarn.config.project import load_project
from forewarn.loop.thresholds import best, variations

CONFIG = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture(scope="module")
def rule() -> Rule:
    return next(one for one in load_rules(load_project(CONFIG)) if one.name == "spend_drop")


def _with(rule: Rule, when: str) -> Rule:
    return stored_rule(rule.content.model_dump(mode="json") | {"when": when})


def _replayed(judged: int, right: int, foreseen: int) -> Replayed:
    return Replayed(52, None, None, alerts=judged, judged=judged, right=right, leavers=200, foreseen=foreseen)


@pytest.mark.capability("C46")
def test_at_least_is_raised_and_at_most_lowered_one_at_a_time(rule: Rule) -> None:
    tried = list(
        variations(_with(rule, "order_gap_ratio >= 1.5 and 60 > days_since_last_order and segment = 'retail'"))
    )
    assert [(one.metric, one.before, one.after) for one in tried] == [
        *(("order_gap_ratio", 1.5, after) for after in (1.875, 2.25, 3, 4.5)),
        # Days are whole.
        *(("days_since_last_order", 60, after) for after in (48, 40, 30, 20)),
    ]
    assert tried[0].rule.content.when == (
        '"order_gap_ratio" >= 1.875 AND 60 > "days_since_last_order" AND "segment" = \'retail\''
    )
    assert '48 > "days_since_last_order"' in tried[4].rule.content.when


def test_what_is_counted_has_no_halves_and_nothing_is_no_threshold(rule: Rule) -> None:
    tried = variations(_with(rule, "open_tickets >= 1 and orders_90d > 0 and nps_latest <= 1"))
    assert [(one.metric, one.after) for one in tried] == [("open_tickets", 2), ("open_tickets", 3)]


@pytest.mark.capability("C46")
def test_the_better_threshold_foresees_most_of_those_that_are_shown_to_be_better() -> None:
    now = _replayed(400, 24, 60)
    weak, good, sparse = _replayed(380, 24, 60), _replayed(120, 22, 50), _replayed(100, 22, 12)
    # Twenty alerts that were dropped say nothing; what gives up most leavers is no improvement.
    assert best(now, [weak]) is None
    assert best(now, [sparse]) is None
    assert best(now, [weak, sparse, good, _replayed(110, 22, 45)]) == 2
    assert best(now, []) is None


def test_by_chance_nothing_is_suggested() -> None:
    # Half of the alerts, and half of what was right: the same precision.
    assert best(_replayed(400, 40, 60), [_replayed(200, 20, 40), _replayed(200, 24, 40)]) is None
