"""A message for a group of people: short, without contact data, and safe as markdown of any chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forewarn.alerts.channel import Message
from forewarn.alerts.language import Language
from forewarn.alerts.letter import Letter, word
from forewarn.alerts.plain import one_line

MOST_LINES = 20
# What markdown, mentions and tags begin with, as the full-width signs that only look like it.
_WIDE = {ord(sign): chr(ord(sign) + 0xFEE0) for sign in "*_[]()<>@#`~|\\!"}


@dataclass(frozen=True)
class Line:
    """One text of a card; `address` is where its case is answered, empty where that is not in question."""

    text: str
    address: str = ""


@dataclass(frozen=True)
class Card:
    """Texts of one card, each on one line and without markup.

    `pairs` are labels and values; `link` is the label and the address of the case, where there is a workbench; `open`
    is what the link of a line says where it cannot be the line itself.
    """

    title: str
    level: str
    lines: tuple[Line, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    link: tuple[str, str] | None = None
    open: str = ""

    def markdown(self, most_bytes: int) -> str:
        """Return the card as the markdown that WeCom and DingTalk share, cut at a line that still fits."""
        link = f"[{tame(self.link[0])}]({self.link[1]})" if self.link else ""
        kept, size = [], len(f"{link}\n\n".encode()) if link else 0
        for part in (
            f"### {tame(self.title)}",
            *(f"**{tame(label)}** {tame(value)}" for label, value in self.pairs),
            *(f"[{tame(one.text)}]({one.address})" if one.address else tame(one.text) for one in self.lines),
        ):
            size += len(f"{part}\n\n".encode())
            if size > most_bytes - 4:
                kept.append("…")
                break
            kept.append(part)
        return "\n\n".join([*kept, link] if link else kept)


def tame(text: str) -> str:
    """Return a text in which nothing is markup, a mention or a tag any more."""
    return text.translate(_WIDE)


def card(message: Message) -> Card:
    """Return one message as a card; each line of a digest leads to its case."""
    letter = word(message.content, message.alert_id, links=message.links, line_links=message.line_links)
    if letter.lines:
        return _of_digest(letter, message.content.locale)
    view = letter.view
    reader = one_line(message.content.reader_name or message.recipient.partition("@")[0], 60)
    return Card(
        title=one_line(f"{view.direction_of_level} {view.badge}: {view.customer}", 120),
        level=view.level,
        link=view.answers.open if view.answers else None,
        pairs=tuple((one_line(fact.label, 40), one_line(fact.value, 60)) for fact in view.facts),
        lines=tuple(
            Line(one_line(line, 400))
            for line in (
                view.summary,
                *(f"{title}: {text}" if title else text for title, text in view.reasons),
                f"{view.next_step_label}: {view.next_step}",
                f"→ {reader} · {view.provenance[-1]}",
            )
        ),
    )


def digest(messages: Sequence[Message]) -> Card:
    """Return many messages as one card: a line for each of the first, and how many more there are."""
    views = [word(one.content, one.alert_id, links=one.links).view for one in messages]
    language = Language(messages[0].content.locale)
    lines = [
        Line(
            one_line(f"{view.direction_of_level} {view.badge}: {view.customer}  {view.loss}".rstrip(), 200),
            view.answers.open[1] if view.answers else "",
        )
        for view in views
    ]
    levels = [view.level for view in views]
    return Card(
        title=language.text("digest", "title", n=language.number(len(messages))),
        level=next(level for level in ("high", "medium", "low") if level in levels),
        lines=_first(lines, language),
        open=language.text("answer", "open"),
    )


def _of_digest(letter: Letter, locale: str) -> Card:
    view, language = letter.view, Language(locale)
    lines = [
        Line(
            one_line(f"{line.badge}: {line.customer} ({line.loss}). {line.reason} → {line.next_step}", 400),
            line.answers[-1][1] if line.answers else "",
        )
        for line in letter.lines
    ]
    return Card(
        title=one_line(f"{view.badge}: {view.customer}", 120),
        level=view.level,
        lines=(Line(view.summary), *_first(lines, language)),
        open=language.text("answer", "open"),
    )


def _first(lines: Sequence[Line], language: Language) -> tuple[Line, ...]:
    """Return as many lines as a room reads, and how many there are besides."""
    more = len(lines) - MOST_LINES
    rest = [Line(language.text("digest", "more", n=language.number(more)))] if more > 0 else []
    return (*lines[:MOST_LINES], *rest)
