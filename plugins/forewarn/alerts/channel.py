"""What the dispatcher asks of a channel, and what a channel may answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from forewarn.alerts.content import Envelope
from forewarn.errors import DeliveryFailed


class ChannelDown(DeliveryFailed):
    """The channel as a whole cannot be reached: no message is to blame, and none is tried until later."""


@dataclass(frozen=True)
class Message:
    """One message as a channel gets it; everything in it comes from the outbox row, so that a repeat is the same."""

    alert_id: int
    recipient: str
    content: Envelope
    created_at: datetime


class Channel(Protocol):
    """A way to a person.

    Attributes
    ----------
    repeat_when_unknown
        Whether a message whose fate is unknown is sent again under the same number. True where the receiver can tell a
        repeat; otherwise the row waits as `unknown` for a person.
    """

    repeat_when_unknown: bool

    def send(self, message: Message) -> str:
        """Deliver one message and return what the receiver said.

        Raises
        ------
        DeliveryRejected
            It will never be taken.
        DeliveryFailed
            It was not taken, and may be later; `ChannelDown` when that holds for every message.
        DeliveryUnknown
            The connection broke after the message had been sent.
        """
        ...

    def finish(self) -> None:
        """Close what is open once the dispatcher has nothing more to send."""
        ...
