"""What a case and its messages say, from its signals, its customer's facts and the books of configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from forewarn.alerts.case_plan import case_reasons, said
from forewarn.alerts.case_store import Draft
from forewarn.alerts.content import Content, Said
from forewarn.alerts.customer_facts import Facts
from forewarn.alerts.hours import Timetable
from forewarn.alerts.language import Language
from forewarn.alerts.levels import Level, Route
from forewarn.alerts.playbooks import Playbooks, Step, worded
from forewarn.alerts.recipients import Directory, Recipient
from forewarn.alerts.signals import Signal
from forewarn.config.project import Project


@dataclass(frozen=True)
class Books:
    """What configuration says about the cases of a date.

    Attributes
    ----------
    now
        When the messages are written, by which readers' hours go.
    true_steps
        By customer, the names of the playbooks' steps whose own condition is true.
    """

    project: Project
    playbooks: Playbooks
    directory: Directory
    as_of_date: date
    now: datetime
    true_steps: Mapping[str, Collection[str]] = field(default_factory=dict)

    def begins(self, reader: Recipient, level: Level) -> date:
        """Return the day from which the time to answer counts: the one on which the reader may be told.

        Over a weekend or holidays that is the first day after them by the reader's clock, otherwise the date itself.
        """
        hours = self._timetable.of(reader.time_zone)
        told_at, waits = hours.may_go(self.now, created_at=self.now, in_digest=self.project.alerts.gathers(level))
        return max(self.as_of_date, told_at.astimezone(hours.zone).date()) if waits else self.as_of_date

    def due(self, reader: Recipient, level: Level, step: Step) -> date:
        """Return the day until which a step is to be done by the one who is told of it."""
        return self.playbooks.due(level, self.begins(reader, level), step)

    @cached_property
    def _timetable(self) -> Timetable:
        return Timetable(self.project)


def step_of(books: Books, customer_id: str, signals: Sequence[Signal], *, route: Route, level: Level) -> Step:
    """Return what a route does about a case, above all by the family of its strongest reason."""
    reasons = case_reasons(signals, route)
    return books.playbooks.choose(
        route=route,
        family=reasons[0]["family"] if reasons else "",
        level=level,
        rules={signal.name for signal in signals if "family" in signal.evidence},
        true=books.true_steps.get(customer_id, ()),
    )


def next_step(about: Facts, step: Step, *, due: date, language: Language) -> str:
    """Return what a step says to do and to offer."""
    return worded(
        [step.step, step.offer],
        customer=about.name,
        contact=about.contact_name,
        due=due,
        language=language,
    )


def content(
    books: Books,
    about: Facts,
    draft: Draft,
    signals: Sequence[Signal],
    *,
    route: Route,
    reader: Recipient,
    case_id: int,
    key: str,
    thread_key: str | None,
) -> Content:
    """Return what a message about a case says to a reader of a route, in the reader's language."""
    language = Language(reader.locale)
    reasons = case_reasons(signals, route)
    before = draft.known.level if draft.plan.action == "raise" and draft.known is not None else None
    return Content(
        case_id=case_id,
        customer_id=draft.customer_id,
        customer=about.name,
        level=draft.plan.level,
        previous_level=before,
        route=route,
        as_of_date=books.as_of_date,
        horizon_days=books.project.churn.horizon_days,
        probability=about.probability,
        threshold=about.threshold,
        model=about.model,
        rules=[f"{signal.name} v{signal.version}" for signal in signals if "family" in signal.evidence],
        value_at_stake=draft.value_at_stake,
        expected_loss=draft.expected_loss,
        currency=books.project.currency,
        renewal_on=about.renewal_on,
        last_order_on=about.last_order_on,
        last_contact_on=about.last_contact_on,
        overdue_amount=about.overdue_amount,
        history=about.history,
        reasons=[Said.model_validate(said(reason, language)) for reason in reasons],
        next_step=next_step(
            about, draft.steps[route], due=books.due(reader, draft.plan.level, draft.steps[route]), language=language
        ),
        company=books.project.company,
        owner_name=about.owner_name,
        **reader.told,
        key=key,
        thread_key=thread_key,
    )
