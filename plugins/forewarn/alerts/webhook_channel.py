"""A message as JSON to an address of one's own, signed, under a key that does not change."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable

from forewarn.alerts.channel import Message
from forewarn.alerts.http_post import Poster
from forewarn.alerts.letter import word
from forewarn.alerts.plain import one_line


class WebhookChannel:
    """Posts `{alert_id, recipient, subject, text, content, links, line_links}` to the connection `webhook`.

    Where the address has a secret after `#`, `X-Forewarn-Signature` is `sha256=` and the HMAC-SHA256 of
    `X-Forewarn-Timestamp`, a dot and the body. `Idempotency-Key` is the same on every try: the receiver tells a repeat
    by it.
    """

    repeat_when_unknown = True

    def __init__(self, resolve: Callable[[], str], *, private: bool, clock: Callable[[], float] = time.time) -> None:
        self._poster, self._clock = Poster("webhook", resolve, private=private), clock

    def send(self, message: Message) -> str:
        """Post one message; see `Channel.send`."""
        letter = word(message.content, message.alert_id, links=message.links, line_links=message.line_links)
        body = json.dumps(
            {
                "alert_id": message.alert_id,
                "recipient": message.recipient,
                "subject": letter.view.subject,
                "text": letter.text,
                "content": message.content.model_dump(mode="json"),
                "links": dict(message.links),
                "line_links": {str(case): dict(links) for case, links in message.line_links.items()},
            },
            ensure_ascii=False,
        ).encode()
        headers = {"Idempotency-Key": message.content.key}
        if secret := self._poster.secret:
            stamp = str(int(self._clock()))
            signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            headers |= {"X-Forewarn-Timestamp": stamp, "X-Forewarn-Signature": f"sha256={signature}"}
        answer = self._poster.post(body, headers)
        return one_line(f"{answer.status_code} {answer.text}", 300)

    def finish(self) -> None:
        """Close the connection."""
        self._poster.close()
