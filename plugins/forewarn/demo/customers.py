"""Who the customers are: size, place, purchase rhythm, subscription, day of joining."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forewarn.demo.world import LATER_SHARE, Block, Flags, Floats, Integers

SEGMENTS = ("small", "mid-market", "key account")
INDUSTRIES = ("construction", "hospitality", "manufacturing", "healthcare", "retail", "public sector", "logistics")
REGIONS = ("north", "south", "east", "west")
COUNTRIES = ("DE", "AT", "CH", "NL", "FR")

RHYTHM_DAYS = np.array([7.0, 14.0, 25.0, 45.0, 80.0, 340.0])
RHYTHM_SHARE = np.array(
    [
        [0.18, 0.31, 0.31, 0.10, 0.05, 0.05],
        [0.30, 0.33, 0.23, 0.08, 0.03, 0.03],
        [0.48, 0.32, 0.13, 0.04, 0.02, 0.01],
    ]
)
"""Share of each rhythm, by segment: most key accounts buy weekly, a few small ones once a year."""


@dataclass(frozen=True)
class Customers:
    """One block's customers; every array has the shape (customers,).

    Attributes
    ----------
    number : counted from 1 over the whole company
    segment, industry, region, country : indexes of the tuples above
    joined : day of joining counted from the first day, negative when earlier
    gap_days : mean days between two orders, when nothing is wrong
    regularity : shape of the gamma distribution of those gaps; 1 is pure chance, 5 is nearly a calendar
    basket, quantity, discount, engagement : usual lines an order, units a line, share, propensity to answer
    subscriber : whether they ever take the portal subscription
    subscribed : day on which it starts
    seats, mrr : size and monthly price of the subscription
    terms_days, delay_days : payment terms and the usual days late
    """

    number: Integers
    segment: Integers
    industry: Integers
    region: Integers
    country: Integers
    joined: Integers
    gap_days: Floats
    regularity: Floats
    basket: Floats
    quantity: Floats
    discount: Floats
    engagement: Floats
    subscriber: Flags
    subscribed: Integers
    seats: Integers
    mrr: Floats
    terms_days: Integers
    delay_days: Floats

    def __len__(self) -> int:
        return len(self.number)


def draw_customers(block: Block) -> Customers:
    """Draw the customers of a block."""
    random, n, world = block.random("customers"), block.size, block.world
    segment = random.choice(3, n, p=[0.55, 0.33, 0.12])
    rhythm = (random.random((n, 1)) > RHYTHM_SHARE.cumsum(axis=1)[segment][:, :-1]).sum(axis=1)
    early = np.ceil(-np.minimum(random.exponential(900, n), 3600)).astype(np.int64) - 30
    during = random.integers(1, world.history_days, n)
    joined = np.where(random.random(n) < LATER_SHARE, during, early)
    if block.future:
        joined = random.integers(world.history_days, world.days, n)
    seats = np.maximum(2, random.poisson(np.array([4, 12, 40])[segment]))
    wait = np.ceil(random.exponential(150, n)).astype(np.int64)
    return Customers(
        number=block.numbers,
        segment=segment,
        industry=random.integers(0, len(INDUSTRIES), n),
        region=random.choice(4, n, p=[0.3, 0.3, 0.15, 0.25]),
        country=random.choice(5, n, p=[0.68, 0.12, 0.08, 0.08, 0.04]),
        joined=joined,
        gap_days=RHYTHM_DAYS[rhythm] * random.lognormal(0, 0.22, n),
        regularity=random.uniform(1.2, 5.0, n),
        basket=random.gamma(4, np.array([0.45, 0.8, 1.5])[segment]),
        quantity=random.gamma(3, np.array([1.2, 3.0, 8.0])[segment]),
        discount=random.beta(2, 24, n) + np.array([0.0, 0.02, 0.05])[segment],
        engagement=random.beta(3, 4, n),
        subscriber=random.random(n) < np.array([0.32, 0.48, 0.66])[segment],
        subscribed=np.where(joined < 0, np.maximum(joined + wait, random.integers(-720, 300, n)), joined + wait),
        seats=seats,
        mrr=np.round(29.0 + seats * random.choice([9.0, 12.0, 15.0], n), 2),
        terms_days=random.choice(np.array([14, 30, 45]), n, p=[0.35, 0.5, 0.15]),
        delay_days=random.gamma(1.6, 2.2, n) - 2.0,
    )
