"""Operations hear of a source's or the model's trouble once when it is noticed and once when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Literal

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.alerts import outbox
from forewarn.alerts.content import Affected, Notice
from forewarn.alerts.rule_ledger import in_use
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import ConfigError
from forewarn.expressions import names
from forewarn.warehouse.engine import connect

OF_STREAMS = ("blocked", "late")
OF_MODEL = ("held", "substituted")
OF_STOCK = ("low_stock",)
OF_BREAKER = ("stopped",)
OF_HEART = ("silent",)
OF_DEAD_LETTERS = ("undelivered",)
# Their end needs no message: it tells itself, or is of no interest.
ENDS_UNTOLD = frozenset({*OF_STOCK, *OF_BREAKER, *OF_HEART, *OF_DEAD_LETTERS})

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """What is wrong with one stream, the model, the stock of one article or one message.

    Attributes
    ----------
    kind : str
        `blocked`: its newest extraction failed. `late`: what came last is older than it promised. `held`: of a model
        (`source` is then `model`), whose scores are not used. `substituted`: of a champion that could not be
        reached, in whose place another version scored. `low_stock`: of an article (`stream`), which is at its reorder
        point. `stopped`: of a day (`stream`) whose messages the circuit breaker keeps back. `silent`: nothing ran;
        `source` is `forewarn` for both. `undelivered`: of a message (`stream`) that was given up over a channel
        (`source`). The ends of the last four are not told.
    since : datetime
        Of the first failure; of the broken promise.
    features : tuple of str
        The features that are unknown because of it; none of a stream that is only blocked.
    advice : str
        What its error says to do next.
    """

    source: str
    stream: str
    kind: Literal["blocked", "late", "held", "substituted", "low_stock", "stopped", "silent", "undelivered"]
    since: datetime
    arrived_at: datetime | None = None
    promise: timedelta | None = None
    features: tuple[str, ...] = ()
    reason: str = ""
    advice: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What is the same from its first to its last day."""
        return self.source, self.stream, self.kind


def tell_operations(
    settings: Settings,
    project: Project,
    troubles: Sequence[Trouble],
    *,
    as_of_date: date,
    now: datetime,
    kinds: Sequence[str] = OF_STREAMS,
) -> int:
    """Write down what is late on a day, and put what operations have not heard yet into the outbox.

    One transaction: a trouble is in the ledger if and only if its message is in the outbox. A source's streams share a
    message. Telling the same again changes nothing.

    Parameters
    ----------
    troubles : sequence of Trouble
        All that there are of the kinds.
    kinds : sequence of str
        Which kinds of trouble the caller knows of: one of these that is not among `troubles` is over.

    Returns
    -------
    int
        New messages.
    """
    with connect(settings.warehouse_url) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('forewarn.troubles'))")
        if "late" in kinds:
            _replace_late(cursor, [one for one in troubles if one.kind == "late"], as_of_date=as_of_date, now=now)
        known = _going_on(cursor, kinds)
        new = [one for one in troubles if one.key not in known]
        over = [known[key] for key in known.keys() - {one.key for one in troubles}]
        letters = [
            letter
            for source, some in _by_source(new)
            for letter in _letters(
                project,
                f"trouble:{source}:{_begin(cursor, some, now=now)}",
                _notice(cursor, project, some, troubles, as_of_date=as_of_date),
                now,
            )
        ]
        for source, ended in _by_source([trouble for _, trouble in over]):
            ids = [number for number, trouble in over if trouble.source == source]
            cursor.execute("update ops.trouble set over_at = %s where trouble_id = any(%s)", [now, ids])
            if ENDS_UNTOLD.issuperset(kinds):
                continue
            notice = _envelope(project, ended, as_of_date=as_of_date).model_copy(update={"over": True})
            letters += _letters(project, f"trouble-over:{source}:{min(ids)}", notice, now)
        expires_at = now + timedelta(days=project.alerts.expires_after_days)
        return outbox.put(cursor, letters, now=now, expires_at=expires_at)


def _by_source(troubles: Iterable[Trouble]) -> list[tuple[str, list[Trouble]]]:
    ordered = sorted(troubles, key=lambda one: (one.source, one.kind != "late", one.stream))
    return [(source, list(some)) for source, some in groupby(ordered, key=lambda one: one.source)]


def _going_on(cursor: extensions.cursor, kinds: Sequence[str]) -> dict[tuple[str, str, str], tuple[int, Trouble]]:
    cursor.execute(
        "select trouble_id, source, stream, kind, since, reason from ops.trouble"
        " where over_at is null and kind = any(%s)",
        [list(kinds)],
    )
    found = [
        (number, Trouble(source, stream, kind, since, reason=reason))
        for number, source, stream, kind, since, reason in cursor.fetchall()
    ]
    return {trouble.key: (number, trouble) for number, trouble in found}


def _begin(cursor: extensions.cursor, troubles: Sequence[Trouble], *, now: datetime) -> int:
    """Write troubles down, and return the number of the first."""
    rows = execute_values(
        cursor,
        "insert into ops.trouble (source, stream, kind, since, reason, noticed_at) values %s returning trouble_id",
        [(one.source, one.stream, one.kind, one.since, one.reason or _what_came(one), now) for one in troubles],
        fetch=True,
    )
    return int(min(number for (number,) in rows))


def _what_came(trouble: Trouble) -> str:
    came = f"{trouble.arrived_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if trouble.arrived_at else "the first attempt"
    promise = f"; promised within {trouble.promise / timedelta(hours=1):g} hours" if trouble.promise else ""
    return f"nothing came after {came}{promise}"


def _replace_late(cursor: extensions.cursor, late: Sequence[Trouble], *, as_of_date: date, now: datetime) -> None:
    cursor.execute("delete from ops.late_stream where as_of_date = %s", [as_of_date])
    execute_values(
        cursor,
        "insert into ops.late_stream (as_of_date, source, stream, since, arrived_at, promise, features, judged_at)"
        " values %s",
        [
            (as_of_date, one.source, one.stream, one.since, one.arrived_at, one.promise, list(one.features), now)
            for one in late
        ],
        template="(%s, %s, %s, %s, %s, %s, %s::text[], %s)",
    )


def _notice(
    cursor: extensions.cursor, project: Project, new: Sequence[Trouble], all_: Sequence[Trouble], *, as_of_date: date
) -> Notice:
    """Return what is new about a source, with all that waits for what is late of it."""
    source = new[0].source
    unknown = list(dict.fromkeys(name for one in all_ if one.source == source for name in one.features))
    try:
        rules = [rule.name for rule in in_use(cursor, project) if names(rule.condition) & set(unknown)]
    except ConfigError as error:
        # Opening cases will stop at it; it must not keep this message back.
        _log.warning("Rules are not listed: %s", error)
        rules = []
    cursor.execute(
        'select count(distinct opened.case_id) from alerts."case" as opened'
        " join alerts.signal as fired on fired.customer_id = opened.customer_id"
        " and fired.as_of_date = opened.updated_as_of"
        " where opened.state <> 'closed' and fired.kind = 'rule' and fired.name = any(%s)",
        [rules],
    )
    cases = int((cursor.fetchone() or [0])[0])
    return _envelope(project, new, as_of_date=as_of_date).model_copy(
        update={"features": unknown, "rules": rules, "cases": cases}
    )


def _envelope(project: Project, troubles: Sequence[Trouble], *, as_of_date: date) -> Notice:
    return Notice(
        as_of_date=as_of_date,
        company=project.company,
        locale=project.locale,
        why="operations",
        key="",
        source=troubles[0].source,
        streams=[
            Affected(
                stream=one.stream,
                kind=one.kind,
                since=one.since,
                arrived_at=one.arrived_at,
                promise_hours=None if one.promise is None else one.promise / timedelta(hours=1),
                reason=one.reason,
            )
            for one in troubles
        ],
        advice=next((one.advice for one in troubles if one.advice), ""),
    )


def _letters(project: Project, about: str, notice: Notice, now: datetime) -> Iterable[outbox.Letter]:
    address = project.alerts.operations_recipient or project.alerts.fallback_recipient
    for channel in project.alerts.channels:
        dedup = f"{about}:{channel}:{address.lower()}"
        keyed = notice.model_copy(update={"key": outbox.message_key(dedup, now)})
        yield outbox.Letter(dedup, channel, address, keyed, kind=outbox.OPERATIONS)
