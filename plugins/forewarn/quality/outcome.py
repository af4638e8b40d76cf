"""What came of one expectation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """One expectation on one batch.

    Attributes
    ----------
    table, name, severity
        `severity` is critical for an expectation that could not be computed, whatever its file says.
    observed
        Counts and shares only: a value of a row never stands here, since this is printed, mailed and kept.
    rule
        The expectation in words.
    notes, remedy
        Why it is expected, and what to do when it is not so.
    """

    table: str
    name: str
    severity: str
    passed: bool
    observed: str
    rule: str
    notes: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.table}: {self.name}: {self.observed}. Remedy: {self.remedy}"
