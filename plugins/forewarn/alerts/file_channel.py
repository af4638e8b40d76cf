"""The outbox as a folder: one .eml file for each message, a page to read it, and an index of all."""

from __future__ import annotations

import base64
import json
import os
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path

from forewarn.alerts.channel import ChannelDown, Message
from forewarn.alerts.index_page import Card, index_page
from forewarn.alerts.letter import compose, message_id_begins
from forewarn.alerts.plain import slug
from forewarn.alerts.view import View
from forewarn.alerts.whole_file import write_whole

PAGES = "pages"
NEWEST = 500


class FileChannel:
    """Writes `<outbox>/NNNNNN-<customer>.eml`, idempotent by number and key: the rename is the delivery."""

    repeat_when_unknown = True

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender
        self._wrote = False

    def send(self, message: Message) -> str:
        """Write one message; one that is there already is left as it is."""
        name, there = self._place(message)
        if there:
            return f"{name}.eml was there"
        letter, _, data = compose(message, self._sender)
        page = letter.html
        if letter.chart is not None:
            inline = "data:image/png;base64," + base64.b64encode(letter.chart).decode("ascii")
            page = page.replace("cid:risk.png", inline)
        card = _card(message, letter.view, name)
        try:
            (self._folder / PAGES).mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / PAGES / f"{name}.html", page.encode())
            write_whole(self._folder / PAGES / f"{name}.json", json.dumps(card, ensure_ascii=False).encode())
            write_whole(self._folder / f"{name}.eml", data)
            self._wrote = True
        except OSError as error:
            raise ChannelDown(
                f"folder {self._folder}", expected="room and the right to write", got=str(error)
            ) from error
        return f"{name}.eml"

    def _place(self, message: Message) -> tuple[str, bool]:
        """Return a message's name and whether it lies there already.

        Another warehouse counts from 1 as well: where its message has the number, part of the key tells them apart.
        """
        plain = f"{message.alert_id:06d}-{slug(message.content.about)}"
        wanted = message_id_begins(message.content.key)
        for name in (plain, f"{plain}-{message.content.key[:8]}"):
            file = self._folder / f"{name}.eml"
            if not file.exists():
                return name, False
            try:
                with file.open("rb") as handle:
                    headers = BytesHeaderParser(policy=default).parse(handle)
            except OSError as error:
                raise ChannelDown(f"file {file}", expected="the right to read", got=str(error)) from error
            if str(headers["Message-ID"]).startswith(wanted):
                return name, True
        return name, False

    def finish(self) -> None:
        """Rebuild the index where a message is newer than it; a kill before this is mended by the next dispatch."""
        if not self._folder.is_dir():
            return
        index, listed_at = self._folder / "index.html", self._folder.stat().st_mtime_ns
        messages = sorted(self._folder.glob("*.eml"), key=lambda file: int(file.name.partition("-")[0]), reverse=True)
        seen_at = index.stat().st_mtime_ns if index.exists() else 0
        if not messages or not (self._wrote or any(file.stat().st_mtime_ns > seen_at for file in messages)):
            return
        cards = []
        for file in messages[:NEWEST]:
            described = self._folder / PAGES / f"{file.stem}.json"
            if described.exists():
                cards.append(Card(**json.loads(described.read_text(encoding="utf-8"))))
        # The newest day first, and within a day the order of sending, which is by expected loss.
        cards.sort(key=lambda card: card.alert_id)
        cards.sort(key=lambda card: card.as_of_date, reverse=True)
        write_whole(index, index_page(cards, older=max(0, len(messages) - NEWEST)).encode())
        # Not the time of writing: what another dispatcher added after the listing has to look newer than the index.
        os.utime(index, ns=(listed_at, listed_at))
        self._wrote = False


def _card(message: Message, view: View, name: str) -> dict[str, object]:
    return {
        "alert_id": message.alert_id,
        "level": view.level,
        "badge": f"{view.badge} · {view.state}",
        "customer": view.customer,
        "recipient": message.recipient,
        "owner": message.content.reader_name or message.recipient,
        "summary": view.summary,
        "reasons": [title or text for title, text in view.reasons],
        "loss": view.loss,
        "as_of_date": message.content.as_of_date.isoformat(),
        "subject": view.subject,
        "name": name,
        "language": view.language,
    }
