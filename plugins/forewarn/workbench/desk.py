"""What the pages of a case read and write, each in one transaction; reading is read-only for the database as well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg2 import extensions
from pydantic import ValidationError

from forewarn.alerts.answer_links import OF_MAIL, Link, Purpose
from forewarn.alerts.answers import Action, Answer, answer, published_day, stands
from forewarn.alerts.case_plan import Outcome
from forewarn.alerts.channel import WITHOUT_CONTACTS
from forewarn.alerts.content import Content
from forewarn.alerts.mail_wishes import FromLevel, wish, wish_of
from forewarn.alerts.take_back import WITHIN, take_back
from forewarn.errors import Permanent
from forewarn.workbench.pool import Pool
from forewarn.workbench.refusals import Refused
from forewarn.workbench.what_was_done import NOTHING_SAID, WhatWasDone

SNOOZE = timedelta(days=7)
_ACTIONS: dict[Purpose, tuple[Action, Outcome | None]] = {
    "acknowledge": ("acknowledge", None),
    "contacted": ("start", None),
    "useful": ("useful", None),
    "snooze": ("snooze", None),
    "false_alarm": ("close", "false_alarm"),
    "saved": ("close", "saved"),
    "lost": ("close", "churned"),
    "no_answer": ("close", "no_answer"),
}
_LEVELS: dict[Purpose, FromLevel] = {"fewer_mails": "high", "every_mail": "low"}


@dataclass(frozen=True)
class Given:
    """The newest answer of this reader that can still be taken back."""

    event_id: int
    kind: str
    until: datetime


@dataclass(frozen=True)
class Seen:
    """One case as the reader of one message sees it.

    Attributes
    ----------
    by
        Who answers: the reader's address, or the room in which anybody may have pressed.
    personal
        Whether the message went to one person.
    wants
        From which level on the reader wants mails.
    snooze_until
        The day that "snooze" would mean now.
    """

    content: Content
    customer_id: str
    by: str
    personal: bool
    state: str
    outcome: str | None
    due_on: date | None
    snoozed_until: date | None
    snooze_until: date
    given: Given | None
    wants: FromLevel


class Desk:
    """Cases behind signed links, as the role `web` reaches them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def see(self, link: Link, *, now: datetime) -> Seen:
        """Return what a link shows.

        Raises
        ------
        Refused
            Its message or case is not there, or no longer readable.
        """
        with self._pool.transaction(reading=True) as cursor:
            return _see(cursor, link, now=now)

    def act(self, link: Link, note: str, done: WhatWasDone = NOTHING_SAID, *, now: datetime) -> bool:
        """Do what a link is for; False where that was done before.

        Where an answer closes the case and nobody says what was done, it is what the outcome suggests, and is kept so.

        Raises
        ------
        Refused
            As `see`, or the case no longer takes this answer.
        """
        with self._pool.transaction() as cursor:
            seen = _see(cursor, link, now=now)
            try:
                return _act(cursor, link, seen, note, done, now=now)
            except Permanent as error:
                raise Refused("conflict", locale=seen.content.locale) from error


def _see(cursor: extensions.cursor, link: Link, *, now: datetime) -> Seen:
    cursor.execute(
        "select o.channel, o.recipient, o.payload, c.customer_id, c.state, c.outcome, c.due_on,"
        " c.snoozed_until, c.updated_as_of"
        ' from alerts.outbox as o join alerts."case" as c on c.case_id = o.case_id'
        " where o.alert_id = %s and o.case_id = %s",
        [link.alert_id, link.case_id],
    )
    row = cursor.fetchone()
    if row is None:
        raise Refused("absent")
    channel, recipient, payload, customer_id, state, outcome, due_on, snoozed_until, updated_as_of = row
    try:
        content = Content.model_validate(payload)
    except ValidationError as error:
        raise Refused("absent") from error
    personal = channel == "sms" or channel not in WITHOUT_CONTACTS
    by = recipient if personal else f"somebody in {channel}"
    day = max(published_day(cursor) or updated_as_of, updated_as_of)
    return Seen(
        content=content,
        customer_id=customer_id,
        by=by,
        personal=personal,
        state=state,
        outcome=outcome,
        due_on=due_on,
        snoozed_until=snoozed_until if snoozed_until and snoozed_until > day else None,
        snooze_until=day + SNOOZE,
        given=_given(stands(cursor, link.case_id), by, now),
        wants=wish_of(cursor, recipient),
    )


def _given(answers: list[tuple[int, str, dict[str, Any], datetime]], by: str, now: datetime) -> Given | None:
    """Return the newest answer of all where it is the reader's own, and young enough."""
    if not answers:
        return None
    event_id, kind, detail, happened_at = answers[0]
    until = happened_at + WITHIN
    return Given(event_id, kind, until) if detail["by"] == by and now < until else None


def _act(cursor: extensions.cursor, link: Link, seen: Seen, note: str, done: WhatWasDone, *, now: datetime) -> bool:
    if link.purpose in OF_MAIL:
        return wish(cursor, link.alert_id, _LEVELS[link.purpose], now=now)
    if link.purpose == "undo":
        return take_back(cursor, link.case_id, link.event_id, by=seen.by, reason=note, only_own=True, now=now)
    if link.purpose not in _ACTIONS:
        raise Refused("method", locale=seen.content.locale)
    action, outcome = _ACTIONS[link.purpose]
    until = seen.snooze_until if action == "snooze" else None
    given = Answer(link.case_id, action, seen.by, note, outcome, until, link.alert_id)
    return answer(cursor, done.of(given), now=now)
