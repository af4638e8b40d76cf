"""Send what waits in the outbox: claim, commit, send, write down; for any number of dispatchers at once.

No message is lost: a row that was claimed by a dispatcher that died is claimed again when its lease lapses. Between the
receiver's acceptance and our commit a kill can make one message go out twice; the repeat has the same number.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2 import extensions
from pydantic import ValidationError

from forewarn.alerts import digests, outbox
from forewarn.alerts.actions import load_actions
from forewarn.alerts.answer_links import LinkBook
from forewarn.alerts.attempt_record import pass_on, record
from forewarn.alerts.channel import Channel, GroupChannel, Message
from forewarn.alerts.channels import Resolve, channels_of, link_book
from forewarn.alerts.content import ActionContent, Content, Envelope, Notice, ReportContent
from forewarn.alerts.deferral import defer
from forewarn.alerts.interruption import Interruption, until_terminated
from forewarn.alerts.news import KPI, MONTHLY, SCHEDULED, STAGE, KpiNews, MonthlyNews, ScheduledNews, StageNews
from forewarn.alerts.outbox import ACTION, OPERATIONS, OVERDUE, REMINDER, REPORT, Claimed
from forewarn.alerts.verdict import MOST_ATTEMPTS, Verdict, delivered, failed
from forewarn.alerts.view import view
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

# Longer than the slowest conversation with a mail server, in which each answer may take its full time-out.
LEASE = timedelta(minutes=3)
BATCH = 50
# What a row holds by its kind; every other kind is a message about a case.
KINDS: Mapping[str, type[Envelope]] = {
    OPERATIONS: Notice,
    ACTION: ActionContent,
    REMINDER: ActionContent,
    OVERDUE: ActionContent,
    REPORT: ReportContent,
    STAGE: StageNews,
    KPI: KpiNews,
    MONTHLY: MonthlyNews,
    SCHEDULED: ScheduledNews,
}


@dataclass(frozen=True)
class DispatchCounts:
    """What a dispatch did.

    Attributes
    ----------
    sent, retried, unknown, dead, expired
        Messages by what became of them; `retried` wait for another attempt.
    passed_on
        Refused messages that the fallback gets; those sent within this dispatch count as sent as well.
    released
        Claimed messages that were given back unsent, since the channel is down or the process was asked to end.
    deferred
        Messages that may not go yet by their reader's clock.
    waiting
        With `dry_run`: messages that would be tried.
    held_elsewhere
        Messages that other dispatchers hold.
    """

    sent: int = 0
    retried: int = 0
    unknown: int = 0
    dead: int = 0
    expired: int = 0
    passed_on: int = 0
    released: int = 0
    deferred: int = 0
    waiting: int = 0
    held_elsewhere: int = 0

    def __add__(self, later: DispatchCounts) -> DispatchCounts:
        """Return what this dispatch and a later one did; what others hold is as the later one saw it."""
        both = {name: getattr(self, name) + getattr(later, name) for name in vars(self)}
        return DispatchCounts(**both | {"held_elsewhere": later.held_elsewhere})


def dispatch(
    settings: Settings,
    project: Project,
    *,
    now: datetime,
    limit: int | None = None,
    dry_run: bool = False,
    resolve: Resolve | None = None,
    lease: timedelta = LEASE,
) -> DispatchCounts:
    """Send what is due over the project's channels, and do what is due of its actions.

    Parameters
    ----------
    now
        The clock for due times, expiry and the ledger; leases go by the database's.
    limit
        At most so many messages.
    dry_run
        Count what is due, and send and write nothing.
    resolve
        Returns the URL of a connection by its name; wanted by the channel `email`.
    """
    with connect(settings.warehouse_url, application="forewarn dispatch") as connection:
        if dry_run:
            ways = [*project.alerts.channels, *load_actions(project)]
            with connection.cursor() as cursor:
                deferred = defer(cursor, project, ways, now=now)
                counts = DispatchCounts(waiting=outbox.due(cursor, ways, now=now), deferred=deferred)
            connection.rollback()
            return counts
        channels = channels_of(settings, project, resolve)
        links = link_book(settings, project, resolve)
        dispatcher = _Dispatcher(connection, channels, project, links=links, now=now, lease=lease)
        try:
            with until_terminated() as interruption:
                return dispatcher.run(limit, interruption)
        finally:
            for channel in channels.values():
                channel.finish()


class _Dispatcher:
    def __init__(
        self,
        connection: extensions.connection,
        channels: Mapping[str, Channel],
        project: Project,
        *,
        links: LinkBook | None,
        now: datetime,
        lease: timedelta,
    ) -> None:
        self._connection, self._channels, self._project, self._links = connection, channels, project, links
        self._now, self._lease = now, lease
        self._owner = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._up = set(channels)
        self._counts: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()

    def run(self, limit: int | None, interruption: Interruption) -> DispatchCounts:
        with self._connection, self._connection.cursor() as cursor:
            self._counts["expired"] = outbox.expire(cursor, now=self._now)
            self._counts["deferred"] = defer(cursor, self._project, list(self._channels), now=self._now)
        tried = 0
        while not interruption.asked and self._up and (limit is None or tried < limit):
            rows = self._claim(BATCH if limit is None else min(BATCH, limit - tried))
            if not rows:
                break
            tried += len(rows)
            self._work(rows, interruption)
        while not interruption.asked and self._up and (limit is None or tried < limit):
            if (gathered := self._claim_digest()) is None:
                break
            tried += len(gathered.rows)
            self._attempt_digest(gathered)
        with self._connection, self._connection.cursor() as cursor:
            self._counts["held_elsewhere"] = outbox.held_elsewhere(cursor, list(self._channels))
        return DispatchCounts(**self._counts)

    def _claim(self, most: int) -> list[Claimed]:
        with self._connection, self._connection.cursor() as cursor:
            return outbox.claim(
                cursor, owner=self._owner, channels=sorted(self._up), now=self._now, lease=self._lease, limit=most
            )

    def _claim_digest(self) -> digests.Gathered | None:
        with self._connection, self._connection.cursor() as cursor:
            return digests.claim(cursor, owner=self._owner, channels=sorted(self._up), now=self._now, lease=self._lease)

    def _work(self, rows: list[Claimed], interruption: Interruption) -> None:
        left = list(rows)
        try:
            while left and not interruption.asked:
                row = left.pop(0)
                channel = self._channels[row.channel]
                if row.channel not in self._up:
                    self._release([row])
                elif isinstance(channel, GroupChannel) and self._alone[row.channel] >= channel.burst:
                    together = [row, *(one for one in left if one.channel == row.channel)]
                    left = [one for one in left if one.channel != row.channel]
                    self._attempt_together(channel, together)
                else:
                    self._alone[row.channel] += 1
                    self._attempt(row)
        finally:
            # An error that ends the dispatch gives back what it has not begun; a kill leaves that to the lease.
            if left:
                self._release(left)

    def _release(self, rows: list[Claimed]) -> None:
        self._connection.rollback()
        with self._connection, self._connection.cursor() as cursor:
            self._counts["released"] += outbox.release(cursor, [row.alert_id for row in rows], owner=self._owner)

    def _attempt(self, row: Claimed) -> None:
        if (attempts := self._begin(row)) is not None:
            self._conclude(row, *self._send(row, attempts))

    def _begin(self, row: Claimed) -> int | None:
        with self._connection, self._connection.cursor() as cursor:
            return outbox.begin(cursor, row.alert_id, owner=self._owner, lease=self._lease)

    def _conclude(self, row: Claimed, content: Envelope | None, verdict: Verdict) -> None:
        self._conclude_all([(row, content)], verdict)

    def _conclude_all(self, rows: Sequence[tuple[Claimed, Envelope | None]], verdict: Verdict) -> None:
        """Write down what became of rows that had one attempt: of all of them, or of none."""
        passed_on = 0
        with self._connection, self._connection.cursor() as cursor:
            for row, content in rows:
                mine = record(cursor, row, verdict, owner=self._owner, now=self._now)
                if mine and verdict.pass_on and content is not None:
                    fallback = self._project.alerts.fallback_recipient
                    passed_on += pass_on(cursor, row, content, fallback=fallback)
            if passed_on:
                # The fallback has a clock of its own.
                self._counts["deferred"] += defer(cursor, self._project, list(self._channels), now=self._now)
        self._counts["passed_on"] += passed_on
        if verdict.channel_down:
            self._up.difference_update(row.channel for row, _ in rows)
        self._counts["retried" if verdict.state == "retry" else verdict.state] += len(rows)

    def _attempt_digest(self, gathered: digests.Gathered) -> None:
        """Send what waits for one reader as one message; what became of it became of each."""
        with self._connection, self._connection.cursor() as cursor:
            attempts = digests.begin(cursor, gathered, owner=self._owner, lease=self._lease)
        if attempts is None:
            return
        first = gathered.rows[0]
        channel, lines = self._channels[first.channel], list[tuple[Claimed, Content]]()
        for row in gathered.rows:
            try:
                content = _read(row)
                if not isinstance(content, Content):
                    raise Permanent(f"alert {row.alert_id}", expected="a message about a case", got=row.kind)
                view(content, row.alert_id)
            except Exception as error:
                # One line that cannot be worded keeps none of the others back.
                self._conclude(row, None, self._failed(channel, error, attempts))
            else:
                lines.append((row, content))
        if not lines:
            return
        try:
            if attempts > MOST_ATTEMPTS:
                raise _endless(f"digest {gathered.digest_id}", attempts)
            together = gathered.content([line for _, line in lines])
            of_lines = {line.case_id: self._links_of(row, line) for row, line in lines}
            links = self._links_of(first, lines[0][1])
            answer = channel.send(
                Message(first.alert_id, first.recipient, together, gathered.begun_at, attempts, links, of_lines)
            )
            verdict = delivered(f"in digest {gathered.digest_id} of {len(lines)}: {answer}")
        except Exception as error:
            verdict = self._failed(channel, error, attempts)
        self._conclude_all(lines, verdict)

    def _attempt_together(self, channel: GroupChannel, rows: list[Claimed]) -> None:
        """Send what a room would drown in as one message; what became of it became of each, by its own attempts."""
        mine: list[tuple[Claimed, int, Envelope]] = []
        for row in rows:
            if (attempts := self._begin(row)) is None:
                continue
            try:
                mine.append((row, attempts, _read(row)))
            except Permanent as error:
                self._conclude(row, None, self._failed(channel, error, attempts))
        if not mine:
            return
        try:
            answer = channel.send_together([self._message(row, content, attempts) for row, attempts, content in mine])
        except Exception as error:
            for row, attempts, content in mine:
                self._conclude(row, content, self._failed(channel, error, attempts))
        else:
            for row, _, content in mine:
                self._conclude(row, content, delivered(f"in a digest of {len(mine)}: {answer}"))

    def _message(self, row: Claimed, content: Envelope, attempt: int) -> Message:
        links = self._links_of(row, content)
        return Message(row.alert_id, row.recipient, content, row.created_at, attempt, links)

    def _links_of(self, row: Claimed, content: Envelope) -> dict[str, str]:
        if self._links is None or not isinstance(content, Content):
            return {}
        return self._links.of_message(row.alert_id, content.case_id, row.created_at)

    def _failed(self, channel: Channel, error: Exception, attempts: int) -> Verdict:
        return failed(error, attempts=attempts, now=self._now, repeat_when_unknown=channel.repeat_when_unknown)

    def _send(self, row: Claimed, attempts: int) -> tuple[Envelope | None, Verdict]:
        channel, content = self._channels[row.channel], None
        try:
            if attempts > MOST_ATTEMPTS:
                raise _endless(f"alert {row.alert_id}", attempts)
            content = _read(row)
            return content, delivered(channel.send(self._message(row, content, attempts)))
        except Exception as error:
            # Whatever it is, it is this row's: the queue moves on, and the ledger says what happened.
            return content, self._failed(channel, error, attempts)


def _read(row: Claimed) -> Envelope:
    try:
        return KINDS.get(row.kind, Content).model_validate(row.payload)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise Permanent(f"alert {row.alert_id}", expected="the content of a message", got=problems) from error


def _endless(what: str, attempts: int) -> Permanent:
    return Permanent(what, expected="an end", got=f"{attempts - 1} attempts without one")
