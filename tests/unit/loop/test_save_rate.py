"""The incremental save rate against planted effects, over many draws, and against published intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.loop.proportions import Arm, difference
from forewarn.loop.save_rate import judged

DRAWS = 400


def _drawn(generator: np.random.Generator, *, effect: float, customers: int, share: float) -> tuple[Arm, Arm]:
    """Draw arms by chance, and let those told leave less often by `effect` than the control group's 30%."""
    control = int((generator.random(customers) < share).sum())
    told = customers - control
    return Arm(told, int(generator.binomial(told, 0.3 - effect))), Arm(control, int(generator.binomial(control, 0.3)))


@pytest.mark.capability("B2")
@pytest.mark.parametrize(("customers", "share"), [(4000, 0.2), (300, 0.5), (60, 0.2)])
def test_a_planted_ten_point_effect_lies_in_the_interval(customers: int, share: float) -> None:
    generator = np.random.default_rng(17)
    held = shown = 0
    for _ in range(DRAWS):
        told, control = _drawn(generator, effect=0.1, customers=customers, share=share)
        found = difference(control, told)
        assert found is not None
        held += found.low <= 0.1 <= found.high
        shown += found.shown
    # Four standard errors of a share of 0.95 below it.
    assert held >= DRAWS * (0.95 - 4 * (0.95 * 0.05 / DRAWS) ** 0.5)
    assert (shown > 0.95 * DRAWS) == (customers == 4000), "a company that is large enough sees it"


@pytest.mark.capability("B2")
@pytest.mark.parametrize(("customers", "share"), [(4000, 0.2), (300, 0.5), (60, 0.2), (8, 0.5)])
def test_no_effect_is_reported_as_none(customers: int, share: float) -> None:
    generator = np.random.default_rng(18)
    found = [_drawn(generator, effect=0, customers=customers, share=share) for _ in range(DRAWS)]
    shown = sum(one.shown for told, control in found if (one := difference(control, told)) is not None)
    assert shown <= DRAWS * (0.05 + 4 * (0.95 * 0.05 / DRAWS) ** 0.5)


@pytest.mark.capability("B2")
def test_of_twenty_segments_without_an_effect_none_is_shown_more_often_than_of_one() -> None:
    generator = np.random.default_rng(19)
    wrong = 0
    for _ in range(DRAWS // 8):
        rows = []
        for segment in range(20):
            told, control = _drawn(generator, effect=0, customers=300, share=0.3)
            rows += [(str(segment), "control", control.customers, control.left, 0, 0.0, 0.0)]
            rows += [(str(segment), "told", told.customers, told.left, 0, 0.0, 0.0)]
        wrong += any(one.shown for one in judged(rows))
    assert wrong <= DRAWS / 8 * (0.05 + 4 * (0.95 * 0.05 / (DRAWS / 8)) ** 0.5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [(Arm(70, 56), Arm(80, 48), 0.0524, 0.3339), (Arm(10, 9), Arm(10, 3), 0.1705, 0.8090)],
)
def test_intervals_are_those_that_newcombe_published(first: Arm, second: Arm, low: float, high: float) -> None:
    found = difference(first, second)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


arms = st.integers(1, 400).flatmap(lambda size: st.builds(Arm, st.just(size), st.integers(0, size)))


@given(arms, arms)
def test_an_interval_holds_the_difference_within_what_is_possible(first: Arm, second: Arm) -> None:
    found, turned = difference(first, second), difference(second, first)
    assert found is not None
    assert turned is not None
    assert -1 - 1e-12 <= found.low <= found.value <= found.high <= 1 + 1e-12
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    wider = difference(first, second, confidence=0.99)
    assert wider is not None
    assert wider.high - wider.low >= found.high - found.low


@pytest.mark.capability("B2")
def test_tiny_and_empty_arms_show_nothing() -> None:
    assert difference(Arm(0, 0), Arm(50, 10)) is None
    [one] = judged([("all", "told", 2, 0, 3, 1000.0, 80.0), ("all", "control", 1, 1, 1, 0.0, 0.0)])
    assert (one.told, one.control, one.unripe) == (Arm(2, 0), Arm(1, 1), 4)
    assert (one.shown, one.saved_value, one.roi) == (False, None, None)
    assert judged([]) == []
    [alone] = judged([("all", "told", 40, 4, 0, 1000.0, 80.0)])
    assert (alone.saved, alone.shown) == (None, False)


def test_an_effect_that_is_shown_is_worth_what_it_saved() -> None:
    [one] = judged([("all", "told", 1000, 200, 0, 500_000.0, 40_000.0), ("all", "control", 400, 120, 0, 0.0, 0.0)])
    assert one.saved is not None
    assert one.saved.value == pytest.approx(0.1)
    assert (one.shown, one.saved_value, one.roi) == (True, pytest.approx(50_000), pytest.approx(0.25))
