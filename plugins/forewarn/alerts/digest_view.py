"""A digest worded for its reader: a line for each case, and texts around them that every channel can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forewarn.alerts.answer_links import NO_LINES, NO_LINKS
from forewarn.alerts.content import Content, Digest
from forewarn.alerts.language import Language
from forewarn.alerts.levels import rank
from forewarn.alerts.plain import one_line
from forewarn.alerts.view import View, answers, view

# Customers whom the subject names.
NAMED = 2


@dataclass(frozen=True)
class Line:
    """One case: how grave, who, what is at stake, why, and what to do; `note` says why it comes to this reader.

    `answers` are links, each a label and an address: the first answers, and the page that has them all.
    """

    level: str
    badge: str
    state: str
    customer: str
    figures: str
    loss: str
    reason_title: str
    reason: str
    next_step: str
    note: str
    answers: tuple[tuple[str, str], ...] = ()


def digest_view(
    digest: Digest, links: Mapping[str, str] = NO_LINKS, line_links: Mapping[int, Mapping[str, str]] = NO_LINES
) -> tuple[View, list[Line]]:
    """Return a digest's texts in its reader's language, and its lines in their order.

    `links` are those of the reader's mails as a whole; `line_links` answer the line of a case.
    """
    language = Language(digest.locale)
    lines = [
        _line(content.model_copy(update={"locale": digest.locale}), language, line_links.get(content.case_id, NO_LINKS))
        for content in digest.lines
    ]
    total = language.money(sum(content.expected_loss for content in digest.lines), digest.lines[0].currency)
    many = language.text("digest", "cases", language.locale.plural_form(len(lines)), n=language.number(len(lines)))
    levels = [content.level for content in digest.lines]
    words = View(
        language=language.tag,
        direction_of_level="•",
        level=max(levels, key=rank),
        badge=language.text("digest", "badge"),
        state=language.date(digest.as_of_date),
        customer=many,
        summary=language.text("digest", "summary", loss=total),
        facts=[],
        chart="",
        chart_alternative="",
        why=language.text("why"),
        reasons=[
            (f"{line.badge}: {line.customer} ({line.loss})", f"{line.reason} → {line.next_step}") for line in lines
        ],
        next_step_label=language.text("next_step"),
        next_step=language.text("digest", "next"),
        because=language.text("digest", "because", company=one_line(digest.company, 120)),
        provenance=[language.text("footer", "data", date=language.date(digest.as_of_date))],
        subject=_subject(many, total, lines, language),
        loss=total,
        answers=answers(links, language),
    )
    return words, lines


def _line(content: Content, language: Language, links: Mapping[str, str]) -> Line:
    words = view(content, 0, links)
    title, reason = words.reasons[0] if words.reasons else ("", "")
    figures = []
    if content.probability is not None:
        figures.append(language.text("digest", "risk", risk=language.percent(content.probability)))
    value = language.money(content.value_at_stake, content.currency)
    figures.append(language.text("digest", "value", value=value))
    return Line(
        level=content.level,
        badge=words.badge,
        state=words.state,
        customer=words.customer,
        figures=" · ".join(figures),
        loss=words.loss,
        reason_title=title,
        reason=reason,
        next_step=words.next_step,
        note="" if content.why in ("owner", "team") else words.because,
        answers=(words.answers.first, *words.answers.others, words.answers.open) if words.answers else (),
    )


def _subject(many: str, total: str, lines: list[Line], language: Language) -> str:
    named = [line.customer for line in lines[:NAMED]]
    if (more := len(lines) - NAMED) > 0:
        named.append(language.text("digest", "others", n=language.number(more)))
    customers = language.text("list_separator").join(named)
    return one_line(language.text("digest", "subject", cases=many, loss=total, customers=customers), 200)
