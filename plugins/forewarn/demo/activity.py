"""How often things happen to customers: rates per day turned into events."""

from __future__ import annotations

import numpy as np

from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.world import Floats, Integers


def present(customers: Customers, fates: Fates, days: int) -> Floats:
    """Return 1 while they are customers and 0.1 in the ninety days after they left, (customers, days)."""
    day = np.arange(days)
    here = (day >= customers.joined[:, None]) & (day < fates.churned[:, None])
    after = (day >= fates.churned[:, None]) & (day < fates.churned[:, None] + 90)
    presence: Floats = here + 0.1 * after
    return presence


def happenings(random: np.random.Generator, rate: Floats) -> tuple[Integers, Integers]:
    """Return customer and day of each event of a rate per day, (customers, days), in order of customer and day."""
    counts = random.poisson(rate)
    who, day = np.nonzero(counts)
    many = counts[who, day]
    return np.repeat(who, many), np.repeat(day, many)
