"""The difference of two shares, with an interval that holds for small groups as well: no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy.stats import binomtest


@dataclass(frozen=True)
class Arm:
    """Customers of one arm whose window has closed, and how many of them left."""

    customers: int
    left: int

    @property
    def rate(self) -> float | None:
        """Share that left; None where there is nobody."""
        return self.left / self.customers if self.customers else None


@dataclass(frozen=True)
class Difference:
    """A difference of two shares and the interval around it, each between -1 and 1."""

    value: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the interval leaves no difference out: only then may one be told."""
        return self.low > 0 or self.high < 0


def difference(first: Arm, second: Arm, *, confidence: float = 0.95) -> Difference | None:
    """Return the share of the first arm less that of the second; None where an arm is empty.

    The interval joins the two Wilson intervals, which SciPy computes: method 10 of Newcombe, "Interval estimation for
    the difference between independent proportions", Statistics in Medicine 17 (1998), 873-890. It never leaves [-1, 1].
    """
    if first.rate is None or second.rate is None:
        return None
    value = first.rate - second.rate
    (low_1, high_1), (low_2, high_2) = (
        binomtest(arm.left, arm.customers).proportion_ci(confidence, method="wilson") for arm in (first, second)
    )
    return Difference(
        value,
        value - sqrt((first.rate - low_1) ** 2 + (high_2 - second.rate) ** 2),
        value + sqrt((high_1 - first.rate) ** 2 + (second.rate - low_2) ** 2),
    )
