"""Slack, Teams, SMS and whatever else Apprise can reach: one URL and one message a call, and its own answer read."""

from __future__ import annotations

from collections.abc import Callable

from forewarn.alerts.channel import ChannelDown, Message
from forewarn.alerts.group_card import card
from forewarn.alerts.plain import one_line
from forewarn.errors import DeliveryFailed, DeliveryUnknown, ForewarnError

SMS = "sms"
SMS_LENGTH = 300


class AppriseChannel:
    """Sends over the Apprise URL of a connection: `slack://…`, `workflows://…`, `twilio://…`; it cannot tell a repeat.

    A text message to a phone has one line; all others have the texts of a group's card.
    """

    repeat_when_unknown = False

    def __init__(self, name: str, resolve: Callable[[], str]) -> None:
        self._name, self._resolve = name, resolve

    def send(self, message: Message) -> str:
        """Send one message; see `Channel.send`."""
        from apprise import Apprise, AppriseResultStatus, NotifyFormat

        target = Apprise()
        try:
            understood = target.add(self._resolve())
        except ForewarnError as error:
            raise ChannelDown(f"connection `{self._name}`", got=str(error)) from error
        if not understood:
            raise ChannelDown(
                f"connection `{self._name}`",
                expected="a URL that Apprise knows",
                got="another",
                next_step="see the list of services of Apprise for its form",
            )
        shown = card(message)
        if self._name == SMS:
            # The first line that can be answered, or else the first one, and where to answer it.
            line = next((one for one in shown.lines if one.address), shown.lines[0])
            answer = shown.link[1] if shown.link else line.address
            room = SMS_LENGTH - len(answer) - 1
            title, body = "", f"{one_line(f'{shown.title}. {line.text}', room)} {answer}".rstrip()
        else:
            pairs = [f"{label}: {value}" for label, value in shown.pairs]
            lines = [f"{one.text} {one.address}".rstrip() for one in shown.lines]
            link = [": ".join(shown.link)] if shown.link else []
            title, body = shown.title, "\n".join([*pairs, "", *lines, *link])
        result = target.notify(title=title, body=body, body_format=NotifyFormat.TEXT).status
        if result == AppriseResultStatus.SUCCESS:
            return "taken"
        if result in (AppriseResultStatus.TIMEOUT, AppriseResultStatus.PARTIAL):
            raise DeliveryUnknown(self._name, expected="success", got=result.name.lower())
        # Apprise keeps the answer to itself; its log has it, without the secret.
        raise DeliveryFailed(self._name, expected="success", got=result.name.lower())

    def finish(self) -> None:
        """Nothing is kept open."""
