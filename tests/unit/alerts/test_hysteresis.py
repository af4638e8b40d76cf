"""A score that wavers about its threshold begins one case and sends one message, whatever the sequence."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.alerts.case_plan import Known, Plan, plan
from forewarn.alerts.levels import Level, rank
from forewarn.alerts.signals import Signal, signal_bound

DAY = date(2026, 11, 16)
THRESHOLD, STAYS_FROM, HIGH_FROM = 0.5, 0.8, 0.8
COOL_DOWN = {"saved": 30}
IN_BAND = st.floats(THRESHOLD * STAYS_FROM, HIGH_FROM, exclude_max=True)


@dataclass
class Life:
    """The case of one customer, and what days do to it."""

    known: Known | None = None
    rests: bool = False
    plans: list[Plan] = field(default_factory=list)

    def day(self, ahead: int, score: float) -> None:
        day = DAY + timedelta(days=ahead)
        if score < signal_bound(THRESHOLD, STAYS_FROM, rests=self.rests):
            return
        level: Level = "high" if score >= HIGH_FROM else "medium"
        decided = plan(self.known, [Signal("c1", "model", "1", level, "account_manager", "", {})], day, COOL_DOWN)
        self.plans.append(decided)
        if decided.action == "suppress":
            return
        episode = (self.known.episode if self.known else 0) + (decided.action == "open")
        self.known, self.rests = Known(episode, episode, "open", decided.level, day, decided.routes), True

    def close(self, ahead: int) -> None:
        if self.known is not None:
            day = DAY + timedelta(days=ahead)
            self.known = Known(
                *(self.known.case_id, self.known.episode, "closed", self.known.level, self.known.updated_as_of),
                self.known.routes,
                outcome="saved",
                closed_as_of=day,
            )
            self.rests = False

    def count(self, action: str) -> int:
        return sum(one.action == action for one in self.plans)


@pytest.mark.capability("C40")
@given(st.floats(THRESHOLD, HIGH_FROM, exclude_max=True), st.lists(IN_BAND, max_size=60))
def test_54_within_the_band_there_is_one_case_and_one_message(first: float, later: list[float]) -> None:
    life = Life()
    for ahead, score in enumerate([first, *later]):
        life.day(ahead, score)
    assert [bool(one.told) for one in life.plans] == [True] + [False] * len(later)
    assert (life.count("open"), life.count("refresh")) == (1, len(later))


@given(st.lists(st.floats(0, 1), max_size=60))
def test_54_whatever_the_scores_an_open_case_is_one_and_is_told_once_a_level(scores: list[float]) -> None:
    life = Life()
    for ahead, score in enumerate(scores):
        life.day(ahead, score)
    levels = [rank(one.level) for one in life.plans]
    assert levels == sorted(levels), "a level never falls within an episode"
    assert life.count("open") == any(score >= THRESHOLD for score in scores)
    assert sum(bool(one.told) for one in life.plans) == len(set(levels))


@given(st.lists(IN_BAND, max_size=60))
def test_54_the_lower_threshold_begins_nothing_after_a_case_is_closed(later: list[float]) -> None:
    life = Life()
    life.day(0, THRESHOLD)
    life.close(1)
    for ahead, score in enumerate(later, start=2):
        life.day(ahead, score)
    above = [ahead for ahead, score in enumerate(later, start=2) if score >= THRESHOLD and ahead > COOL_DOWN["saved"]]
    assert life.count("open") == 1 + bool(above)
