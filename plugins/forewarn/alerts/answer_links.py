"""Links that act for the reader of one message: signed, for one purpose and one case, and for a time.

A link names the message that it stands in, and so its reader, by number: no address of a person is in it. The signature
covers the purpose, the message, the case and the day on which it ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from forewarn.errors import Permanent

# The connection that holds the keys, newest first, with spaces or commas between them.
KEYS = "link_keys"
SHORTEST_KEY = 32

Purpose = Literal[
    "open",
    "acknowledge",
    "contacted",
    "useful",
    "false_alarm",
    "saved",
    "lost",
    "no_answer",
    "snooze",
    "undo",
    "fewer_mails",
    "every_mail",
]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
# Those about a reader's mail as a whole, not about the case.
OF_MAIL: tuple[Purpose, ...] = ("fewer_mails", "every_mail")
# Those that a message carries; a page has more.
SENT: tuple[Purpose, ...] = (
    *("open", "acknowledge", "snooze", "false_alarm", "contacted", "saved", "lost", "useful"),
    "fewer_mails",
)


class LinkRefused(Permanent):
    """The link is not one of ours, was altered, or is over.

    `why` is `forged` or `expired`.
    """

    def __init__(self, why: Literal["forged", "expired"]) -> None:
        self.why = why
        super().__init__("link", expected="one that we signed and that still holds", got=why)


@dataclass(frozen=True)
class Link:
    """What a link lets its bearer do.

    Attributes
    ----------
    alert_id
        The message that it stands in.
    expires_at
        UTC, in whole seconds; from then on it is refused.
    event_id
        With `undo`: the answer that it takes back.
    """

    purpose: Purpose
    alert_id: int
    case_id: int
    expires_at: datetime
    event_id: int = 0


class Signer:
    """Signs links with the newest of the keys and knows those of all.

    Raises
    ------
    Permanent
        There is no key, or one is too short; none is shown.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys or min(map(len, keys)) < SHORTEST_KEY:
            raise Permanent(
                f"connection `{KEYS}`",
                expected=f"keys of at least {SHORTEST_KEY} characters, the newest first",
                got=f"{len(keys)}, the shortest of {min(map(len, keys), default=0)}",
                next_step="make one with `forewarn access rotate-link-key`, or at random",
            )
        self._keys = list(reversed(keys))

    def token(self, link: Link) -> str:
        """Return the signed form: the same for the same link and key, so that a repeated message is the same."""
        parts = [link.alert_id, link.case_id, int(link.expires_at.timestamp()), link.event_id]
        return str(self._serializer(link.purpose).dumps(parts))

    def read(self, purpose: Purpose, token: str, *, now: datetime) -> Link:
        """Return what a token stands for.

        Raises
        ------
        LinkRefused
            Signed by no key of ours, for another purpose, altered in any character, or over.
        """
        try:
            # Base64 may be written in several ways that read the same; only the one that we write is ours.
            if any(base64_encode(base64_decode(part)) != part.encode() for part in token.split(".")):
                raise LinkRefused("forged")
            alert_id, case_id, until, event_id = self._serializer(purpose).loads(token)
        except (BadData, UnicodeError) as error:
            raise LinkRefused("forged") from error
        link = Link(purpose, alert_id, case_id, datetime.fromtimestamp(until, UTC), event_id)
        if now >= link.expires_at:
            raise LinkRefused("expired")
        return link

    def _serializer(self, purpose: Purpose) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._keys,
            salt=f"forewarn.{purpose}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )


@dataclass(frozen=True)
class LinkBook:
    """Addresses of links at one workbench, `base` without a slash at its end."""

    base: str
    signer: Signer
    valid: timedelta

    def address(self, link: Link) -> str:
        """Return a link's whole address."""
        return self.base + path(link, self.signer)

    def of_message(self, alert_id: int, case_id: int, created_at: datetime) -> dict[str, str]:
        """Return what a message carries: purpose → address."""
        until = created_at + self.valid
        return {purpose: self.address(Link(purpose, alert_id, case_id, until)) for purpose in SENT}


NO_LINKS: Mapping[str, str] = {}
NO_LINES: Mapping[int, Mapping[str, str]] = {}


def path(link: Link, signer: Signer) -> str:
    """Return a link's address within the workbench."""
    place = "mail" if link.purpose in OF_MAIL else f"cases/{link.case_id}"
    return f"/{place}/{link.purpose}/{signer.token(link)}"


def keys_in(secret: str) -> list[str]:
    """Return the keys of a connection, newest first: of a URL (as Airflow writes one) those in the password's place."""
    if "://" in secret:
        secret = unquote(urlsplit(secret).password or "")
    return secret.replace(",", " ").split()
