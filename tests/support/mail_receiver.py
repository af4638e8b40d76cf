"""A real SMTP server on loopback that keeps what it takes and can be told how to answer."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 accepted"
DROP = "drop"


class Receiver:
    """Collects messages; `answers` says what to reply to the recipient or to the data, one entry an occasion.

    `DROP` as an answer to the data takes the message and breaks the connection instead of saying so.
    """

    def __init__(self, *, smtputf8: bool = True) -> None:
        self.keep = True
        self.taken: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.to_recipient: dict[str, list[str]] = {}
        self.to_data: list[str] = []
        self.on_data: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=smtputf8)

    def __enter__(self) -> Receiver:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"smtp://127.0.0.1:{self._controller.port}"

    @property
    def repeats(self) -> list[str]:
        """Message-IDs that came more than once; a receiver that honours them shows one of each."""
        return [key for key, count in Counter(message["Message-ID"] for message in self.taken).items() if count > 1]

    @property
    def shown(self) -> list[EmailMessage]:
        """What a receiver that honours Message-IDs shows: the first of each."""
        first: dict[str, EmailMessage] = {}
        for message in self.taken:
            first.setdefault(message["Message-ID"], message)
        return list(first.values())

    async def handle_RCPT(  # noqa: N802 - the server calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        queue = self.to_recipient.get(address, [])
        answer = queue.pop(0) if len(queue) > 1 else queue[0] if queue else OK
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        self.on_data()
        with self._lock:
            answer = self.to_data.pop(0) if self.to_data else OK
            if self.keep and answer in (OK, DROP):
                content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
                message = email.message_from_bytes(content, policy=email.policy.default)
                self.taken.append(cast(EmailMessage, message))
                self.recipients.extend(envelope.rcpt_tos)
        if answer == DROP:
            cast(Any, server).transport.abort()
        return answer


def free_port() -> int:
    """Return a port on loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
