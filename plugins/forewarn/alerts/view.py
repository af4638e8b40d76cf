"""A message worded for its reader: every text of the template, the same for plain text and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from forewarn.alerts.answer_links import NO_LINKS
from forewarn.alerts.content import Content, Past
from forewarn.alerts.language import Language
from forewarn.alerts.plain import one_line

# A change is told against the score of about four weeks before, and within a quarter only if there is none.
FOUR_WEEKS = timedelta(days=28)
STEADY = 0.01
RENEWAL_SOON = timedelta(days=90)


@dataclass(frozen=True)
class Fact:
    """One row of the table: a label, its value, and a remark in brackets."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class View:
    """Every text of one message; `chart` and its alternative are empty when there is nothing to draw."""

    language: str
    direction_of_level: str
    level: str
    badge: str
    state: str
    customer: str
    summary: str
    facts: list[Fact]
    chart: str
    chart_alternative: str
    why: str
    reasons: list[tuple[str, str]]
    next_step_label: str
    next_step: str
    because: str
    provenance: list[str]
    subject: str
    loss: str
    answers: Answers | None = None


@dataclass(frozen=True)
class Answers:
    """Buttons of a message, each a label and an address: the first, two others, and the rest as words in a line."""

    first: tuple[str, str]
    others: list[tuple[str, str]]
    further_label: str
    further: list[tuple[str, str]]
    open: tuple[str, str]
    fewer_mails: tuple[str, str]

    @property
    def all(self) -> list[tuple[str, str]]:
        """Every one, in the order of the message; what stops mails is not among them."""
        return [self.first, *self.others, *self.further, self.open]


def answers(links: Mapping[str, str], language: Language) -> Answers | None:
    """Return the buttons of a message; None where it has no links."""
    if not links:
        return None

    def button(purpose: str) -> tuple[str, str]:
        return language.text("answer", purpose), links[purpose]

    return Answers(
        first=button("acknowledge"),
        others=[button("snooze"), button("false_alarm")],
        further_label=language.text("answer", "further"),
        further=[button(purpose) for purpose in ("contacted", "saved", "lost", "useful")],
        open=button("open"),
        fewer_mails=button("fewer_mails"),
    )


def view(content: Content, alert_id: int, links: Mapping[str, str] = NO_LINKS) -> View:
    """Return a message's texts in its reader's language, with buttons where there are `links` (purpose → address)."""
    language = Language(content.locale)
    customer = one_line(content.customer, 120)
    draw = content.probability is not None and content.threshold is not None and len(content.history) >= 2
    return View(
        language=language.tag,
        direction_of_level="▲" if content.level != "low" else "•",
        level=content.level,
        badge=_badge(content, language),
        state=_state(content, language),
        customer=customer,
        summary=_summary(content, language),
        facts=_facts(content, language),
        chart=_chart(content, language) if draw else "",
        chart_alternative=language.text(
            "chart_alternative",
            before=language.percent(content.history[0].probability),
            risk=language.percent(content.history[-1].probability),
        )
        if draw
        else "",
        why=language.text("why"),
        reasons=[(one_line(said.title or "", 200), _sentence(said.text)) for said in content.reasons],
        next_step_label=language.text("next_step"),
        next_step=one_line(content.next_step, 600),
        because=language.text(
            "footer",
            content.why,
            customer=customer,
            owner=one_line(content.owner_name or "", 120),
            risk=language.text("risk", content.route),
            address=content.refused_by or "",
            cause=one_line(content.cause or "", 120),
        ),
        provenance=_provenance(content, language, alert_id),
        subject=_subject(content, language, customer),
        loss=language.money(content.expected_loss, content.currency),
        answers=answers(links, language),
    )


def _sentence(text: str) -> str:
    """Return a reason as a sentence of its own; the model's are written to stand after a comma as well."""
    line = one_line(text, 600)
    return line[:1].upper() + line[1:]


def _badge(content: Content, language: Language) -> str:
    level, risk = language.text("level", content.level), language.text("risk", content.route)
    return language.text("badge", level=level, risk=risk)


def _state(content: Content, language: Language) -> str:
    if content.previous_level is None:
        return language.text("new")
    return language.text("raised", before=language.text("level_in_sentence", content.previous_level))


def _subject(content: Content, language: Language, customer: str) -> str:
    figures = []
    if content.probability is not None:
        figures.append(language.text("subject_figure", "risk", risk=language.percent(content.probability)))
    value = language.money(content.value_at_stake, content.currency)
    figures.append(language.text("subject_figure", "value", value=value))
    subject = language.text(
        "subject",
        level=language.text("level", content.level),
        risk=language.text("risk", content.route),
        customer=customer,
        figures=language.text("list_separator").join(figures),
    )
    return one_line(subject, 200)


def _before(content: Content) -> Past | None:
    """Return the earlier score to compare with: the one nearest to four weeks back that is at least a week old."""
    earlier = [past for past in content.history if content.as_of_date - past.as_of_date >= timedelta(days=7)]
    return min(earlier, key=lambda past: abs(content.as_of_date - past.as_of_date - FOUR_WEEKS), default=None)


def _summary(content: Content, language: Language) -> str:
    if content.probability is None:
        titles = language.text("summary", "separator").join(
            one_line(said.title or said.text, 200) for said in content.reasons
        )
        summary = language.text("summary", "rules", titles=titles)
    elif (past := _before(content)) is None:
        days = language.days(content.horizon_days)
        summary = language.text("summary", "first", risk=language.percent(content.probability), days=days)
    else:
        change = content.probability - past.probability
        kind = "steady" if abs(change) < STEADY else "rose" if change > 0 else "fell"
        summary = language.text(
            "summary",
            kind,
            risk=language.percent(content.probability),
            before=language.percent(past.probability),
            weeks=language.weeks((content.as_of_date - past.as_of_date).days / 7),
        )
    renewal = content.renewal_on - content.as_of_date if content.renewal_on else None
    if renewal is not None and timedelta() < renewal <= RENEWAL_SOON:
        return language.text("summary", "renewal", summary=summary, days=language.days(renewal.days))
    return language.text("summary", "stop", summary=summary)


def _facts(content: Content, language: Language) -> list[Fact]:
    def label(name: str, **values: str) -> str:
        return language.text("facts", name, **values)

    facts = []
    if content.probability is not None and content.threshold is not None:
        threshold = label("threshold", threshold=language.percent(content.threshold))
        days = language.days(content.horizon_days)
        facts.append(Fact(label("risk", days=days), language.percent(content.probability), threshold))
    facts.append(Fact(label("value"), language.money(content.value_at_stake, content.currency)))
    facts.append(Fact(label("loss"), language.money(content.expected_loss, content.currency)))
    if content.overdue_amount:
        facts.append(Fact(label("overdue"), language.money(content.overdue_amount, content.currency)))
    if content.renewal_on is not None and content.renewal_on > content.as_of_date:
        note = label("renewal_note", days=language.days((content.renewal_on - content.as_of_date).days))
        facts.append(Fact(label("renewal"), language.near_date(content.renewal_on, content.as_of_date), note))
    for name, day in (("last_order", content.last_order_on), ("last_contact", content.last_contact_on)):
        if day is not None:
            note = label("ago", days=language.days((content.as_of_date - day).days))
            facts.append(Fact(label(name), language.near_date(day, content.as_of_date), note))
    return facts


def _chart(content: Content, language: Language) -> str:
    return language.text(
        "chart",
        first=language.near_date(content.history[0].as_of_date, content.as_of_date),
        last=language.near_date(content.history[-1].as_of_date, content.as_of_date),
        threshold=language.percent(content.threshold or 0),
    )


def _provenance(content: Content, language: Language, alert_id: int) -> list[str]:
    parts = [language.text("footer", "data", date=language.date(content.as_of_date))]
    if content.model:
        parts.append(language.text("footer", "model", model=content.model))
    if content.rules:
        parts.append(language.text("footer", "rules", rules=", ".join(content.rules)))
    return [*parts, language.text("footer", "alert", alert=str(alert_id))]
