"""Why customers leave: episodes of trouble that can be seen in the data, and chance that cannot.

Each cause is a sequence of episodes: trouble grows, stays for a while, and passes. While it lasts it shows in the data
(`purchases`, `service`, `usage`, `finance` read the intensities) and raises the hazard of leaving. Most episodes pass
without harm, so that a warning is a matter of probability and not of looking up the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forewarn.demo.customers import Customers
from forewarn.demo.world import Block, Integers, Paths

CAUSES = ("service", "price", "usage", "payment", "drift")
UNSEEN = "unseen"

EPISODES_A_YEAR = {"service": 0.10, "price": 0.085, "usage": 0.17, "payment": 0.065, "drift": 0.08}
RAMP_DAYS = {"service": 21, "price": 35, "usage": 45, "payment": 40, "drift": 75}
STAY_DAYS = {"service": 45, "price": 70, "usage": 60, "payment": 60, "drift": 80}
HAZARD_A_DAY = {"service": 1 / 55, "price": 1 / 80, "usage": 1 / 60, "payment": 1 / 60, "drift": 1 / 80}
"""Hazard at full intensity; it grows with the square of the intensity."""

UNSEEN_A_YEAR = 0.060
FADING_DAYS = 25
_MOST = 4


@dataclass(frozen=True)
class Fates:
    """What befalls the customers of a block.

    Attributes
    ----------
    intensity : (causes, customers, days), in [0, 1], in the order of CAUSES
    hazard : (causes + 1, customers, days), per day; the last is the unseen part
    churned : (customers,), day on which they left, counted from the first day; the number of days when they stay
    cause : (customers,), index of CAUSES, or their number when nothing showed
    """

    intensity: Paths
    hazard: Paths
    churned: Integers
    cause: Integers

    def of(self, cause: str) -> Paths:
        """Return one cause's intensity, (customers, days)."""
        intensity: Paths = self.intensity[CAUSES.index(cause)]
        return intensity


def draw_fates(block: Block, customers: Customers) -> Fates:
    """Draw the trouble that customers have, and from it when they leave and why."""
    random, days = block.random("fates"), block.world.days
    day = np.arange(days, dtype=np.float32)
    present = day >= customers.joined[:, None]
    intensity = np.stack([_episodes(random, cause, len(customers), day) for cause in CAUSES])
    subscribed = customers.subscriber[:, None] & (day >= customers.subscribed[:, None] + 20)
    intensity[CAUSES.index("usage")] *= subscribed
    intensity *= present

    hazard = np.empty((len(CAUSES) + 1, len(customers), days), dtype=np.float32)
    for index, cause in enumerate(CAUSES):
        hazard[index] = HAZARD_A_DAY[cause] * intensity[index] ** 2
    fickle = UNSEEN_A_YEAR / 365 * random.lognormal(-0.1, 0.45, len(customers))
    age = np.maximum(day - customers.joined[:, None], 0)
    hazard[-1] = fickle[:, None] * (1 + 1.5 * np.exp(-age / 90)) * present

    total = hazard.sum(axis=0).cumsum(axis=1, dtype=np.float64)
    churned = (total < random.exponential(1, len(customers))[:, None]).sum(axis=1)
    at = hazard[:, np.arange(len(customers)), np.minimum(churned, days - 1)].astype(np.float64)
    cause = (random.random(len(customers)) > (at.cumsum(axis=0) / at.sum(axis=0).clip(1e-12))[:-1]).sum(axis=0)
    return Fates(intensity=intensity, hazard=hazard, churned=churned, cause=cause)


def _episodes(random: np.random.Generator, cause: str, n: int, day: Paths) -> Paths:
    """Return one cause's intensity, (n, days): the strongest of up to four trapezoids a customer."""
    onset = random.exponential(365 / EPISODES_A_YEAR[cause], (n, _MOST)).cumsum(axis=1) - 120
    ramp = RAMP_DAYS[cause] * random.uniform(0.6, 1.5, (n, _MOST))
    stay = random.exponential(STAY_DAYS[cause], (n, _MOST))
    severity = random.beta(3, 1.6, (n, _MOST))
    result = np.zeros((n, len(day)), dtype=np.float32)
    for index in range(_MOST):
        started = onset[:, index]
        rows = np.flatnonzero(started < len(day))
        if not len(rows):
            continue
        since = day - started[rows, None]
        over = ramp[rows, index] + stay[rows, index]
        rising = since / ramp[rows, index, None]
        falling = 1 - (since - over[:, None]) / FADING_DAYS
        shape = np.clip(np.minimum(rising, falling), 0, 1) * severity[rows, index, None]
        result[rows] = np.maximum(result[rows], shape.astype(np.float32))
    return result
