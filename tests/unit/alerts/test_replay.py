"""A replay counts what a hand counts: alerts once while they last, leavers once, and the days between."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.alerts.replay import Firing, Leaving, replay, spaced

FIRST = date(2026, 1, 5)
WEEKS = [FIRST + timedelta(days=7 * week) for week in range(8)]


def firing(customer: str, week: int, churned: bool | None = None, manager: str = "Ana") -> Firing:
    return Firing(customer, WEEKS[week], manager, churned)


def leaving(customer: str, *weeks: int, gone: date) -> list[Leaving]:
    return [Leaving(customer, WEEKS[week], gone) for week in weeks]


@pytest.mark.capability("B1")
def test_a_replay_equals_what_a_hand_computes() -> None:
    firings = [
        # a: one alert that lasts three weeks and is right; b: two alerts, apart by a week, the first of them wrong.
        *(firing("a", week, True) for week in (2, 3, 4)),
        firing("b", 1, False),
        firing("b", 3, None),
        firing("c", 5, True, "Ben"),
    ]
    leavings = [
        *leaving("a", 2, 3, 4, gone=WEEKS[4] + timedelta(days=9)),
        # c is foreseen a week before the end; d is missed, twice, as it came back in between.
        *leaving("c", 4, 5, gone=WEEKS[6]),
        *leaving("d", 1, 2, gone=WEEKS[3]),
        *leaving("d", 5, gone=WEEKS[7]),
    ]
    found = replay(WEEKS, firings, leavings)
    assert (found.dates, found.first, found.last) == (8, WEEKS[0], WEEKS[7])
    assert found.alerts == 4
    assert found.alerts_per_week == 4 / 8
    assert found.managers == (("Ana", 3 / 8), ("Ben", 1 / 8))
    assert (found.judged, found.right, found.precision) == (3, 2, pytest.approx(2 / 3))
    assert (found.leavers, found.foreseen, found.recall) == (4, 2, 0.5)
    # a: 23 days from week 2 to nine days after week 4; c: 7 days from week 5 to week 6.
    assert found.lead_days == (23 + 7) / 2
    assert [(one.customer_id, one.day, one.said) for one in found.examples] == [
        ("c", WEEKS[5], "left"),
        ("a", WEEKS[2], "left"),
        ("b", WEEKS[1], "stayed"),
        ("b", WEEKS[3], "not judged"),
    ]
    assert [(one.customer_id, one.day, one.said) for one in found.missed] == [
        ("d", WEEKS[5], f"gone on {WEEKS[7]}"),
        ("d", WEEKS[1], f"gone on {WEEKS[3]}"),
    ]


def test_without_history_nothing_is_known_and_nothing_is_claimed() -> None:
    found = replay([], [], [])
    assert (found.dates, found.alerts, found.precision, found.recall, found.lead_days) == (0, 0, None, None, None)
    quiet = replay(WEEKS, [], [])
    assert (quiet.alerts_per_week, quiet.precision, quiet.recall) == (0, None, None)


def test_dates_are_thinned_from_the_newest_back() -> None:
    days = [FIRST + timedelta(days=day) for day in (0, 20, 21, 27, 28)]
    assert spaced(days, least_days=7) == [days[0], days[2], days[4]]


PLACES = st.sets(st.tuples(st.sampled_from("abcd"), st.integers(0, 7)))


@given(fired=PLACES, left=PLACES)
def test_figures_stay_within_what_they_count(fired: set[tuple[str, int]], left: set[tuple[str, int]]) -> None:
    firings = [firing(customer, week, (customer, week) in left) for customer, week in fired]
    leavings = [one for customer, week in left for one in leaving(customer, week, gone=WEEKS[-1])]
    found = replay(WEEKS, firings, leavings)
    assert found.right <= found.judged == found.alerts <= len(fired)
    assert found.foreseen <= found.leavers <= len(left)
    assert bool(found.foreseen) == bool(fired & left)
    assert sum(count for _, count in found.managers) == pytest.approx(found.alerts_per_week)
    # The order in which rows come says nothing.
    assert replay(WEEKS, firings[::-1], leavings[::-1]) == found
