"""What the dispatcher asks of a channel, and what a channel may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from forewarn.alerts.content import Envelope
from forewarn.errors import DeliveryFailed

# Read by a group, or over lines that are not the company's own: what goes there names no contact of the customer.
WITHOUT_CONTACTS = frozenset({"wecom", "dingtalk", "feishu", "slack", "teams", "sms"})


class ChannelDown(DeliveryFailed):
    """The channel as a whole cannot be reached: no message is to blame, and none is tried until later."""


@dataclass(frozen=True)
class Message:
    """One message as a channel gets it; everything in it comes from the outbox row, so that a repeat is the same.

    `attempt` counts this one: with 1 nobody has tried before.
    `links` are signed addresses by their purpose, by which its reader answers, and `line_links` those of the lines of a
    digest by their case; none where there is no workbench.
    """

    alert_id: int
    recipient: str
    content: Envelope
    created_at: datetime
    attempt: int = 1
    links: Mapping[str, str] = field(default_factory=dict)
    line_links: Mapping[int, Mapping[str, str]] = field(default_factory=dict)


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


@runtime_checkable
class GroupChannel(Channel, Protocol):
    """A way to a room of people, which a flood of messages would bury.

    Attributes
    ----------
    burst
        Messages of one dispatch that are sent alone; those claimed at once after them are put together.
    """

    burst: int

    def send_together(self, messages: Sequence[Message]) -> str:
        """Deliver many messages as one; as `send` for all of them."""
        ...
