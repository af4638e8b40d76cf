"""Robots of chat groups: WeCom, DingTalk and Feishu answer 200 to everything, and say in the body what became of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from forewarn.alerts.channel import Message
from forewarn.alerts.group_card import Card, card, digest
from forewarn.alerts.http_post import Poster
from forewarn.alerts.plain import one_line
from forewarn.errors import DeliveryFailed, DeliveryRejected, Permanent

# A robot may speak twenty times a minute: ten messages alone, and room for digests and another dispatcher.
BURST = 10
Parts = tuple[dict[str, Any], dict[str, str]]


class GroupRobot(ABC):
    """One room, told by the address of a connection; it cannot tell a repeat.

    Attributes
    ----------
    burst : int
        Messages of one dispatch that go out alone; those after them are put together.
    code : str
        Where the answer's body says what became of the message; 0 is success.
    wait, wrong : frozenset of int
        Codes of a limit or a busy server, and of an address, secret or key word that is refused.
    """

    repeat_when_unknown = False
    burst = BURST
    name: ClassVar[str]
    code: ClassVar[str]
    wait: ClassVar[frozenset[int]]
    wrong: ClassVar[frozenset[int]]

    def __init__(self, resolve: Callable[[], str], *, clock: Callable[[], float] = time.time) -> None:
        self.poster, self.clock = Poster(self.name, resolve, private=True), clock

    def send(self, message: Message) -> str:
        """Post one message; see `Channel.send`."""
        return self._post(card(message))

    def send_together(self, messages: Sequence[Message]) -> str:
        """Post many messages as one digest; as `send` for all of them."""
        return self._post(digest(messages))

    def finish(self) -> None:
        """Close the connection."""
        self.poster.close()

    @abstractmethod
    def parts(self, shown: Card) -> Parts:
        """Return the body of a card, and the parameters that sign it."""

    def _post(self, shown: Card) -> str:
        body, params = self.parts(shown)
        try:
            answer = self.poster.post(json.dumps(body, ensure_ascii=False).encode(), {}, params)
        except DeliveryRejected as error:
            # Nobody else could be told in a group's place.
            raise Permanent(str(error)) from error
        try:
            said = answer.json()
            code = int(said[self.code])
        except (ValueError, KeyError, TypeError) as error:
            raise DeliveryFailed(
                self.name, expected=f"JSON with `{self.code}`", got=one_line(answer.text, 200)
            ) from error
        got = one_line(f"{self.code} {code}: {said.get('errmsg') or said.get('msg') or ''}", 200)
        if code == 0:
            return got
        if code in self.wrong:
            raise self.poster.down(got, f"check address, secret and key words of connection `{self.name}`")
        if code in self.wait:
            raise DeliveryFailed(self.name, expected=f"{self.code} 0", got=got)
        raise Permanent(self.name, expected=f"{self.code} 0", got=got)


class WeComRobot(GroupRobot):
    """A robot of a WeCom group; `https://…/cgi-bin/webhook/send?key=…`. A message has at most 4096 bytes."""

    name, code = "wecom", "errcode"
    wait = frozenset({-1, 45009, 45033})
    wrong = frozenset({40001, 40014, 93000, 93004, 93008})

    def parts(self, shown: Card) -> Parts:
        """Return a markdown message."""
        return {"msgtype": "markdown", "markdown": {"content": shown.markdown(4096)}}, {}


class DingTalkRobot(GroupRobot):
    """A robot of a DingTalk group; `https://…/robot/send?access_token=…#SECRET`, signed where there is a secret."""

    name, code = "dingtalk", "errcode"
    wait = frozenset({-1, 130101, 410100})
    wrong = frozenset({300001, 310000, 400013, 400101, 400102})

    def parts(self, shown: Card) -> Parts:
        """Return a markdown message, and the signature of the moment."""
        body = {
            "msgtype": "markdown",
            "markdown": {"title": one_line(shown.title, 60), "text": shown.markdown(18_000)},
            "at": {"isAtAll": False},
        }
        if not (secret := self.poster.secret):
            return body, {}
        stamp = str(round(self.clock() * 1000))
        return body, {"timestamp": stamp, "sign": _signature(secret, f"{stamp}\n{secret}")}


class FeishuRobot(GroupRobot):
    """A robot of a Feishu group; `https://…/open-apis/bot/v2/hook/…#SECRET`, signed where there is a secret.

    All texts of its card are plain, so that none can mention anybody.
    """

    name, code = "feishu", "code"
    wait = frozenset({9499, 11232, 11233})
    wrong = frozenset({19001, 19021, 19022, 19024})
    _COLOURS: ClassVar[dict[str, str]] = {"high": "red", "medium": "orange", "low": "grey"}

    def parts(self, shown: Card) -> Parts:
        """Return an interactive card, signed within the body."""
        fields = [
            {"is_short": True, "text": {"tag": "plain_text", "content": f"{label}\n{value}"}}
            for label, value in shown.pairs
        ]
        lines = [
            {"tag": "div", "text": {"tag": "plain_text", "content": line.text}}
            | ({"extra": _button(shown.open, line.address)} if line.address else {})
            for line in shown.lines
        ]
        action = [{"tag": "action", "actions": [_button(*shown.link, kind="primary")]}] if shown.link else []
        body: dict[str, Any] = {
            "msg_type": "interactive",
            "card": {
                "config": {"wide_screen_mode": True},
                "header": {
                    "template": self._COLOURS[shown.level],
                    "title": {"tag": "plain_text", "content": shown.title},
                },
                "elements": [*([{"tag": "div", "fields": fields}] if fields else []), *lines, *action],
            },
        }
        if secret := self.poster.secret:
            stamp = str(int(self.clock()))
            body |= {"timestamp": stamp, "sign": _signature(f"{stamp}\n{secret}", "")}
        return body, {}


def _button(label: str, address: str, kind: str = "default") -> dict[str, Any]:
    return {"tag": "button", "type": kind, "text": {"tag": "plain_text", "content": label}, "url": address}


def _signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode("ascii")
