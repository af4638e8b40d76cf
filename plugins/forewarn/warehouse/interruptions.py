"""What ends a build for the warehouse's sake, and not for the models': trying again later may help.

dbt passes on the server's words and not its codes, so that these are known by their words, which PostgreSQL gives in
English unless `lc_messages` says otherwise; then an interruption is told as a failed build.
"""

from __future__ import annotations

from collections.abc import Sequence

from forewarn.errors import BuildInterrupted
from forewarn.warehouse.lock import ATTEMPTS

_CONFLICT = f"no conflict with another session in {ATTEMPTS} attempts"
# What the server says, what was expected of it, and what to do.
_KNOWN = (
    (("deadlock detected", "could not serialize access"), _CONFLICT, "build again"),
    (("No space left on device", "disk full"), "space on the warehouse's disk", "free space, then build again"),
    (
        (
            "server closed the connection unexpectedly",
            "terminating connection",
            "the database system is ",
            "connection to server ",
        ),
        "a warehouse that stays up",
        "see that the server runs, then build again",
    ),
)


def interruption(lines: Sequence[str]) -> BuildInterrupted | None:
    """Return the error that a failed build's lines amount to; None where one of them is of the models' own making."""
    kinds = [next((known for known in _KNOWN if any(words in line for words in known[0])), None) for line in lines]
    first = kinds[0] if kinds else None
    if first is None or None in kinds:
        return None
    _, expected, next_step = first
    return BuildInterrupted(
        "dbt build",
        expected=expected,
        got=f"{len(lines)} failed: " + "; ".join(lines),
        next_step=f"{next_step}; readers still have the last version",
    )


def in_conflict(error: BaseException) -> bool:
    """Whether a build ended by other sessions' doing, so that it may be tried again at once."""
    return isinstance(error, BuildInterrupted) and error.expected == _CONFLICT
