"""The frame of the simulated company: who lives in it, from which day to which, and where its chance comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BLOCK = 500
"""Customers that share random streams. A chunk is a whole number of blocks, so its size changes nothing."""

LATER_SHARE = 0.45
"""Share of the customers of the first `months` who join during them; later ones join at the same rate."""

FUTURE_DAYS = 365
NEVER = np.datetime64("2200-01-01T00:00:00", "s")

Floats = NDArray[np.float64]
Paths = NDArray[np.float32]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Moments = NDArray[np.datetime64]


@dataclass(frozen=True)
class World:
    """Everything that decides what happens; the same values always give the same company.

    Attributes
    ----------
    seed : int
    customers : int
        Customers who join up to the end of the `months`; more of them join in the year after.
    first_day : date
        First day that the source systems remember.
    months : int
        Length of the history; FUTURE_DAYS more are decided in advance, and revealed day by day.
    """

    seed: int
    customers: int
    first_day: date
    months: int

    @classmethod
    def ending(cls, last_day: date, *, seed: int, customers: int, months: int) -> World:
        """Return the world whose last month of history is the month of `last_day`."""
        count = last_day.year * 12 + last_day.month - months
        return cls(seed=seed, customers=customers, first_day=date(count // 12, count % 12 + 1, 1), months=months)

    @property
    def history_end(self) -> date:
        """First day after the months of history."""
        count = self.first_day.year * 12 + self.first_day.month - 1 + self.months
        return date(count // 12, count % 12 + 1, 1)

    @property
    def end(self) -> date:
        """First day that is not decided."""
        return self.history_end + timedelta(days=FUTURE_DAYS)

    @property
    def days(self) -> int:
        """Number of days from the first to the end."""
        return (self.end - self.first_day).days

    @property
    def history_days(self) -> int:
        """Number of days of the months of history."""
        return (self.history_end - self.first_day).days

    @property
    def start(self) -> np.datetime64:
        """The first moment."""
        return np.datetime64(self.first_day, "s")

    def blocks(self) -> list[Block]:
        """Return every block: those of the history, then those who join after it."""
        later = round(self.customers * LATER_SHARE * FUTURE_DAYS / self.history_days)
        return [
            Block(self, number * BLOCK, min(BLOCK, self.customers - number * BLOCK), future=False)
            for number in range(-(-self.customers // BLOCK))
        ] + [
            Block(self, self.customers + number * BLOCK, min(BLOCK, later - number * BLOCK), future=True)
            for number in range(-(-later // BLOCK))
        ]


@dataclass(frozen=True)
class Block:
    """Up to BLOCK customers with consecutive numbers.

    Attributes
    ----------
    first : int
        Index of the first customer, from 0.
    size : int
    future : bool
        Whether they join after the months of history.
    """

    world: World
    first: int
    size: int
    future: bool

    def random(self, topic: str) -> np.random.Generator:
        """Return the block's own stream for one topic; adding a topic leaves the others as they are."""
        path = (int(self.future), self.first, crc32(topic.encode()))
        return np.random.default_rng(np.random.SeedSequence(self.world.seed, spawn_key=path))

    @property
    def numbers(self) -> Integers:
        """Numbers of the customers, counted from 1."""
        return np.arange(self.first + 1, self.first + self.size + 1, dtype=np.int64)


def chunks(world: World, size: int) -> Iterator[list[Block]]:
    """Group the blocks into chunks of about `size` customers."""
    blocks = world.blocks()
    step = max(1, size // BLOCK)
    for at in range(0, len(blocks), step):
        yield blocks[at : at + step]


def season(world: World) -> Floats:
    """Return how busy each day is, (days,), 1 on average: autumn is strong, high summer and Christmas are weak."""
    day = np.arange(world.days)
    dates = np.datetime64(world.first_day, "D") + day
    of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    busy: Floats = (
        1 + 0.10 * np.cos(2 * np.pi * (of_year - 290) / 365.25) + 0.05 * np.cos(4 * np.pi * (of_year - 100) / 365.25)
    )
    return busy


def is_workday(world: World) -> Flags:
    """Return whether each day is Monday to Friday, (days,)."""
    dates = np.datetime64(world.first_day, "D") + np.arange(world.days)
    return np.asarray(np.is_busday(dates), dtype=np.bool_)
