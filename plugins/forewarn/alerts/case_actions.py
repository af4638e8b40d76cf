"""What other systems do about tasks, cases and days: rows of the outbox, each under a key of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import extensions

from forewarn.alerts.actions import CrmTask, Report, load_actions
from forewarn.alerts.case_plan import case_reasons, said
from forewarn.alerts.case_store import Draft
from forewarn.alerts.case_tasks import Told
from forewarn.alerts.case_words import Books
from forewarn.alerts.content import ActionContent, Envelope, ReportContent, ReportRow, Said
from forewarn.alerts.customer_facts import Facts
from forewarn.alerts.language import Language
from forewarn.alerts.outbox import ACTION, REPORT, Letter, message_key
from forewarn.alerts.recipients import Recipient
from forewarn.alerts.signals import Signal
from forewarn.alerts.tasks import Wanted, Written

_CASES = """
select c.case_id, coalesce(d.name, c.customer_id), c.level, c.state, coalesce(c.owner_name, c.owner_email, ''),
    c.expected_loss::float8, c.due_on, c.reasons, c.next_step
from alerts."case" as c
left join marts.dim_customers as d using (customer_id)
where c.withheld is null and c.level <> 'low' and c.state <> 'closed'
    and coalesce(c.case_id = %(case_id)s, c.updated_as_of = %(day)s)
order by c.expected_loss desc, c.case_id
"""
_OF_RULES = """
select rule_id, array(select jsonb_array_elements_text(content -> 'actions'))
from alerts.rule_version where state = 'live' and jsonb_array_length(content -> 'actions') > 0
"""


@dataclass(frozen=True)
class Desk:
    """What is known when the actions of a date are written.

    Attributes
    ----------
    groups, facts
        Signals and facts by customer.
    """

    books: Books
    groups: Mapping[str, Sequence[Signal]]
    facts: Mapping[str, Facts]
    now: datetime


@dataclass(frozen=True)
class _Ask:
    """One thing that one action is asked for; `wanted` is None for the report of a day."""

    name: str
    key: str
    owner: Recipient
    wanted: Wanted | None = None
    external_id: str = ""
    task_id: int | None = None
    draft: Draft | None = None
    written_again: bool = False


def action_letters(
    cursor: extensions.cursor, desk: Desk, written: Sequence[Written], told: Sequence[Told]
) -> list[Letter]:
    """Return what the steps of tasks and the rules of cases ask other systems for, and the reports of the day.

    A task asks once, and a system that can write the same task again is told of a due day that moved. A rule that is
    true asks once a case.
    """
    actions = load_actions(desk.books.project)
    if not actions:
        return []
    cursor.execute(_OF_RULES)
    asked = [
        *_of_tasks(desk, actions, written, told),
        *_of_rules(desk, dict(cursor.fetchall()), told),
        *_of_day(desk),
    ]
    return [
        _report(cursor, desk, one) if isinstance(actions[one.name], Report) else _action(desk, one)
        for one in asked
        if one.name in actions
    ]


def _of_tasks(
    desk: Desk, actions: Mapping[str, object], written: Sequence[Written], told: Sequence[Told]
) -> Iterator[_Ask]:
    drafts = {case_id: draft for case_id, draft, _ in told}
    for one in written:
        for name in one.wanted.actions:
            key = f"task:{one.task_id}:{name}"
            external_id = message_key(key, one.created_at)
            action = actions[name]
            again = isinstance(action, CrmTask) and action.method != "POST"
            if not one.new:
                if not again:
                    continue
                key = f"{key}:{one.wanted.due_on}"
            draft = drafts.get(one.wanted.case_id or 0)
            yield _Ask(name, key, one.wanted.owner, one.wanted, external_id, one.task_id, draft, again)


def _of_rules(desk: Desk, asking: Mapping[str, Sequence[str]], told: Sequence[Told]) -> Iterator[_Ask]:
    for case_id, draft, route in told:
        for signal in desk.groups[draft.customer_id]:
            for name in asking.get(signal.name, ()) if signal.route == route else ():
                key, owner = f"case:{case_id}:{signal.name}:{name}", draft.recipients[route][0]
                wanted = Wanted(
                    case_id=case_id,
                    customer_id=draft.customer_id,
                    role=route,
                    step=signal.name,
                    step_version=signal.version,
                    text=signal.reason,
                    owner=owner,
                    due_on=desk.books.due(owner, draft.plan.level, draft.steps[route]),
                    why=signal.reason,
                )
                yield _Ask(name, key, owner, wanted, message_key(key, desk.now), None, draft)


def _of_day(desk: Desk) -> Iterator[_Ask]:
    project = desk.books.project
    reader = Recipient(project.alerts.fallback_recipient, None, project.locale, "team")
    for name in desk.books.playbooks.each_day:
        yield _Ask(name, f"day:{desk.books.as_of_date}:{name}", reader)


def _action(desk: Desk, ask: _Ask) -> Letter:
    wanted = ask.wanted
    if wanted is None:
        raise ValueError(f"{ask.name} is about no customer")
    language = Language(ask.owner.locale)
    # What follows an order is no warning: the signals that the customer may have besides are not its reasons.
    reasons = [] if wanted.order_key else case_reasons(desk.groups.get(wanted.customer_id, ()), wanted.role)
    content = ActionContent(
        **_envelope(desk, ask),
        action=ask.name,
        external_id=ask.external_id,
        task_id=ask.task_id,
        customer_id=wanted.customer_id,
        customer=desk.facts[wanted.customer_id].name,
        role=wanted.role,
        step=wanted.step,
        text=wanted.text,
        due_on=wanted.due_on,
        level=ask.draft.plan.level if ask.draft else None,
        expected_loss=ask.draft.expected_loss if ask.draft else None,
        currency=desk.books.project.currency,
        reasons=[Said.model_validate(said(reason, language)) for reason in reasons],
        order_key=wanted.order_key,
        written_again=ask.written_again,
    )
    return Letter(ask.key, ask.name, ask.owner.address, content, kind=ACTION)


def _report(cursor: extensions.cursor, desk: Desk, ask: _Ask) -> Letter:
    """Return the report of a case, or of those that the day changed and that people may be told of."""
    day, language = desk.books.as_of_date, Language(ask.owner.locale)
    case_id = ask.wanted.case_id if ask.wanted else None
    cursor.execute(_CASES, {"case_id": case_id, "day": day})
    rows = [
        ReportRow(
            case_id=number,
            customer=customer,
            level=level,
            state=state,
            owner=who,
            expected_loss=loss,
            due_on=due_on,
            reasons=[one["title"] or one["text"] for one in reasons],
            next_step=step,
        )
        for number, customer, level, state, who, loss, due_on, reasons, step in cursor.fetchall()
    ]
    of_day = language.text("report", "of_day", date=language.date(day))
    content = ReportContent(
        **_envelope(desk, ask),
        name=f"cases-{day}" if case_id is None else f"case-{case_id}",
        title=of_day if case_id is None else language.text("report", "of_case", case=case_id),
        currency=desk.books.project.currency,
        rows=rows,
    )
    return Letter(ask.key, ask.name, ask.owner.address, content, kind=REPORT)


def _envelope(desk: Desk, ask: _Ask) -> dict[str, Any]:
    return dict(
        Envelope(
            case_id=ask.wanted.case_id if ask.wanted else None,
            as_of_date=desk.books.as_of_date,
            company=desk.books.project.company,
            **ask.owner.told,
            key=message_key(ask.key, desk.now),
        )
    )
