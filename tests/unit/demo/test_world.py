from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from forewarn.demo.world import BLOCK, World, chunks, is_workday, season


def test_the_history_begins_with_the_first_of_its_first_month() -> None:
    world = World.ending(date(2026, 6, 17), seed=1, customers=10, months=24)
    assert world.first_day == date(2024, 7, 1)
    assert world.history_end == date(2026, 7, 1)
    assert world == World.ending(date(2026, 6, 30), seed=1, customers=10, months=24)


@pytest.mark.parametrize(
    ("last_day", "first_day"), [(date(2026, 1, 9), date(2025, 2, 1)), (date(2026, 12, 1), date(2026, 1, 1))]
)
def test_a_year_of_history_across_a_new_year(last_day: date, first_day: date) -> None:
    assert World.ending(last_day, seed=1, customers=10, months=12).first_day == first_day


def test_blocks_hold_every_customer_once_without_gaps() -> None:
    world = World.ending(date(2026, 6, 30), seed=1, customers=1_234, months=24)
    numbers = np.concatenate([block.numbers for block in world.blocks()])
    assert numbers.tolist() == list(range(1, len(numbers) + 1))
    assert sum(block.size for block in world.blocks() if not block.future) == 1_234


def test_chunks_are_whole_blocks_and_hold_at_least_one() -> None:
    world = World.ending(date(2026, 6, 30), seed=1, customers=3_000, months=24)
    assert [len(chunk) for chunk in chunks(world, 10)] == [1] * len(world.blocks())
    assert [block for chunk in chunks(world, 4 * BLOCK) for block in chunk] == world.blocks()


def test_streams_of_chance_differ_by_topic_block_and_seed() -> None:
    world = World.ending(date(2026, 6, 30), seed=1, customers=1_000, months=24)
    other = World.ending(date(2026, 6, 30), seed=2, customers=1_000, months=24)
    first, second = world.blocks()[:2]
    draws = [first.random("a"), first.random("b"), second.random("a"), other.blocks()[0].random("a")]
    assert len({generator.random() for generator in draws}) == 4
    assert first.random("a").random() == first.random("a").random()


def test_the_season_is_light_and_one_on_average() -> None:
    world = World.ending(date(2026, 6, 30), seed=1, customers=10, months=24)
    assert season(world).mean() == pytest.approx(1, abs=0.01)
    assert 0.8 < season(world).min() < season(world).max() < 1.2
    assert is_workday(world)[:7].tolist() == [True] * 5 + [False] * 2  # 1 July 2024 is a Monday
