"""Messages about changes of stage that ask for no case: each once, and those kept back with their reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from psycopg2 import extensions

from forewarn.alerts import outbox
from forewarn.alerts.admission import in_control, within_pilot
from forewarn.alerts.case_words import Books
from forewarn.alerts.customer_facts import read_facts
from forewarn.alerts.news import STAGE, StageNews
from forewarn.alerts.quiet import quiet_on
from forewarn.alerts.recipients import matter
from forewarn.alerts.signals import Signal
from forewarn.alerts.step_conditions import true_conditions
from forewarn.alerts.transitions import FAMILY, Change, Transition, Transitions, signal_name
from forewarn.config.project import Project


def put_stage_letters(
    cursor: extensions.cursor,
    books: Books,
    transitions: Transitions,
    found: Sequence[Change],
    *,
    now: datetime,
    expires_at: datetime,
) -> int:
    """Put a message into the outbox for each change that asks for one, and suppress those that nobody may hear of.

    Returns
    -------
    int
        New messages that wait to be sent.
    """
    wanted = [
        (change, told)
        for change in found
        if (told := transitions.of(change.before, change.after)) and told.tell == "message"
    ]
    if not wanted:
        return 0
    project, day = books.project, books.as_of_date
    customers = [change.customer_id for change, _ in wanted]
    facts = read_facts(cursor, customers, as_of_date=day, definition=project.churn.definition)
    where = true_conditions(cursor, books.directory.routing.conditions, customers, day)
    quiet, whole = quiet_on(cursor, books.directory.routing, day, customers), _whole(cursor, project, customers, day)
    letters, silent = [], dict[str, str]()
    for change, told in wanted:
        about, signal = facts[change.customer_id], _signal(change, told)
        kept_back = quiet.of(change.customer_id, told.route, [signal])
        why = whole.get(change.customer_id) or (kept_back.reason if kept_back else "")
        holds: Collection[str] = where.get(change.customer_id, ())
        for reader in books.directory.readers(matter(told.route, told.level, [signal], holds), about.owner):
            for channel in reader.channels or project.alerts.channels:
                dedup = f"stage:{change.customer_id}:{day}:{change.after}:{channel}:{reader.address.lower()}"
                news = StageNews(
                    as_of_date=day,
                    company=project.company,
                    **reader.told,
                    key=outbox.message_key(dedup, now),
                    customer_id=change.customer_id,
                    customer=about.name,
                    stage=change.after,
                    previous_stage=change.before,
                    previous_as_of=change.previous_as_of,
                    silent_days=change.silent_days,
                    value_at_stake=about.value_at_stake,
                    currency=project.currency,
                    owner_name=about.owner_name,
                )
                letters.append(
                    outbox.Letter(dedup, channel, reader.address, news, kind=STAGE, time_zone=reader.time_zone)
                )
                if why:
                    silent[dedup] = why
    new = outbox.put(cursor, letters, now=now, expires_at=expires_at)
    return new - _suppress(cursor, silent)


def _signal(change: Change, told: Transition) -> Signal:
    return Signal(change.customer_id, signal_name(change.after), "1", told.level, told.route, "", {"family": FAMILY})


def _whole(cursor: extensions.cursor, project: Project, customers: Sequence[str], as_of_date: date) -> dict[str, str]:
    """Return of whom nobody is told anything, and why."""
    inside, share = within_pilot(cursor, project, customers, as_of_date), project.alerts.control_share
    outside = {customer: "outside the pilot" for customer in customers if customer not in inside}
    return outside | {customer: "of the control group" for customer in customers if in_control(customer, share)}


def _suppress(cursor: extensions.cursor, silent: Mapping[str, str]) -> int:
    suppressed = 0
    for dedup, why in silent.items():
        cursor.execute(
            "update alerts.outbox set state = 'suppressed', reason = %s where dedup_key = %s and state = 'pending'",
            [why, dedup],
        )
        suppressed += cursor.rowcount
    return suppressed
