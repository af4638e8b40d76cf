"""What came of one expectation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forewarn.quality.batches import Bound


@dataclass(frozen=True)
class Outcome:
    """One expectation on one batch.

    Attributes
    ----------
    table, name, severity
        `severity` is critical for an expectation that could not be computed, whatever its file says.
    owner
        Who is to act.
    observed
        Counts, shares and places only: a value of a customer's row never stands here, since this is printed, mailed
        and kept.
    rule
        The expectation in words.
    reason, remedy
        Why it is expected, and what to do when it is not so.
    """

    table: str
    name: str
    severity: str
    owner: str
    passed: bool
    observed: str
    rule: str
    reason: str
    remedy: str

    @classmethod
    def of(
        cls, table: str, bound: Bound, *, observed: str, passed: bool = False, severity: str = "", rule: str = ""
    ) -> Outcome:
        """Return the outcome of an expectation of a file."""
        wanted = bound.expectation
        return cls(
            table=table,
            name=bound.name,
            severity=severity or wanted.severity,
            owner=wanted.owner,
            passed=passed,
            observed=observed,
            rule=rule or wanted.says,
            reason=wanted.reason,
            remedy=wanted.remedy,
        )

    def __str__(self) -> str:
        return f"{self.table}: {self.name}: {self.observed}. Remedy, for {self.owner}: {self.remedy}"


def could_not(problem: str) -> str:
    """Return what is observed of an expectation that could not be computed."""
    return f"could not be checked: {problem}"


def gravest_first(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return what failed, critical before warning before info."""
    order = ("critical", "warning", "info")
    return sorted((one for one in outcomes if not one.passed), key=lambda one: order.index(one.severity))
