"""How well accounts were united, held against the truth: every pair of accounts is right, wrong or missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Pairs of accounts: found and true, found in all, true in all."""

    right: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the found pairs that are true; 1 when nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were found; 1 when there are none."""
        return self.right / self.true if self.true else 1.0


Account = tuple[str, str]


def agreement(
    found: Mapping[Account, Hashable], true: Mapping[Account, Hashable], among: Collection[Account] | None = None
) -> Agreement:
    """Compare two divisions of the same accounts into customers.

    Parameters
    ----------
    found, true : mapping of account to customer
        Accounts that are not in both are left out.
    among : collection of accounts, optional
        Count only pairs of which at least one account is among these.
    """
    accounts = found.keys() & true.keys()
    rest = accounts - set(among) if among is not None else set()

    def pairs(customer: Mapping[Account, Hashable], other: Mapping[Account, Hashable] | None = None) -> int:
        def of(members: Collection[Account]) -> int:
            sizes = Counter((customer[one], other[one] if other else None) for one in members)
            return sum(size * (size - 1) // 2 for size in sizes.values())

        return of(accounts) - of(rest)

    return Agreement(right=pairs(found, true), found=pairs(found), true=pairs(true))
