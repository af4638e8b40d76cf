"""The index of the file outbox: a list that opens from the file system, without scripts, on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template


@dataclass(frozen=True)
class Card:
    """What the index says about one message; `name` is the stem of its files."""

    alert_id: int
    level: str
    badge: str
    customer: str
    recipient: str
    owner: str
    summary: str
    reasons: list[str]
    loss: str
    as_of_date: str
    subject: str
    name: str
    language: str

    @property
    def address(self) -> str:
        """The file name as it stands in a link."""
        return quote(self.name)


def index_page(cards: Sequence[Card], *, older: int) -> str:
    """Return the page; `older` messages are in the folder and not on it."""
    return _template().render(cards=cards, older=older)


@lru_cache(maxsize=1)
def _template() -> Template:
    source = (Path(__file__).parent / "templates" / "index.html.j2").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
