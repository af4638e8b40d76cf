"""A defect that is put into a sound warehouse, for a gate to find."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """One kind of defect: SQL that makes it, and what must be found."""

    name: str
    gate: str
    table: str
    expectation: str
    severity: str
    sql: str
    place: str = ""
