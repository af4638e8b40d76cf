"""What an attempt means for its message: decided from the answer alone, without a database or a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from forewarn.alerts.channel import ChannelDown
from forewarn.alerts.plain import one_line
from forewarn.errors import DeliveryFailed, DeliveryRejected, DeliveryUnknown, Permanent

MOST_ATTEMPTS = 6
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)


@dataclass(frozen=True)
class Verdict:
    """One attempt's result.

    Attributes
    ----------
    state, outcome
        The new state of the outbox row, and what is written down as the attempt's outcome.
    reason
        In words, for whoever reads the ledger.
    next_attempt_at
        When to try again; None when nobody will.
    pass_on
        The reader was refused: the fallback gets the message instead.
    channel_down
        The channel is at fault, and the rest of its messages need not be tried now.
    """

    state: Literal["sent", "retry", "unknown", "dead"]
    outcome: Literal["sent", "retry", "unknown", "dead"]
    reason: str
    next_attempt_at: datetime | None = None
    pass_on: bool = False
    channel_down: bool = False


def delivered(answer: str) -> Verdict:
    """Return the verdict on an attempt that the receiver took."""
    return Verdict("sent", "sent", one_line(answer, 500))


def failed(error: Exception, *, attempts: int, now: datetime, repeat_when_unknown: bool) -> Verdict:
    """Return the verdict on an attempt that ended in an error; `attempts` counts it already."""
    reason = one_line(f"{type(error).__name__}: {error}", 500)
    asked = error.retry_after if isinstance(error, DeliveryFailed) else timedelta()
    again = now + max(wait(attempts), asked)
    if isinstance(error, ChannelDown):
        # An outage is no message's fault: it ends by expiry, not by a number of attempts.
        return Verdict("retry", "retry", reason, again, channel_down=True)
    if isinstance(error, Permanent):
        return Verdict("dead", "dead", reason, pass_on=isinstance(error, DeliveryRejected))
    if isinstance(error, DeliveryUnknown):
        if repeat_when_unknown and attempts < MOST_ATTEMPTS:
            return Verdict("retry", "unknown", reason, again)
        return Verdict("unknown", "unknown", f"{reason}. Ask the reader whether it came")
    if attempts >= MOST_ATTEMPTS:
        return Verdict("dead", "dead", f"given up after {attempts} attempts; {reason}")
    return Verdict("retry", "retry", reason, again)


def wait(attempts: int) -> timedelta:
    """Return how long to wait after a number of attempts: one minute, doubled each time, at most six hours."""
    doubled: int = 2 ** min(attempts - 1, 16)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)
