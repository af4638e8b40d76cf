"""Erase a person: words go, numbers stay, and what lands again later lands without words (decision 0044).

Everything in the warehouse happens in one transaction, under the lock that builds take; files follow. Then all of it is
searched, and what is still there is an error that names the place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from psycopg2 import extensions, sql
from psycopg2.extras import execute_values

from forewarn.alerts.silences import NewSilence, add_silence
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.identity import keep_together
from forewarn.privacy.files import count_in_files, files_with, replace_in_files
from forewarn.privacy.subjects import Subject, Words, words_of
from forewarn.privacy.tables import find_words, replace_words
from forewarn.sources import erased
from forewarn.sources.erased_parents import of_parents
from forewarn.sources.model import Source
from forewarn.sources.raw_tables import known_columns
from forewarn.warehouse.engine import connect
from forewarn.warehouse.lock import BUILD, alone

_FOR_EVER = date(9999, 12, 31)


@dataclass(frozen=True)
class Erasure:
    """What became of a request.

    Attributes
    ----------
    words : int
        How many names, addresses and texts the person was known by.
    places : dict
        Table, or folder of files → rows or files that lost something.
    """

    subject: Subject
    words: int
    places: dict[str, int]


def erase(
    settings: Settings,
    sources: Mapping[str, Source],
    find: Callable[[extensions.cursor], Subject],
    *,
    reason: str,
    by: str,
    now: datetime,
    reports: Sequence[Path] = (),
    dry_run: bool = False,
) -> Erasure:
    """Erase the person that `find` returns; `reports` are the folders of `report_folders`.

    A dry run rolls the warehouse back and leaves the files.

    Raises
    ------
    Permanent
        There is nobody of that name, something has to be kept, a person's words are a key in some source, or words are
        still found at the end.
    """
    url = settings.warehouse_url
    with connect(url, application="forewarn privacy") as session:
        session.autocommit = True
        with (
            alone(session, BUILD),
            connect(url, application="forewarn privacy") as work,
            work.cursor() as cursor,
        ):
            subject = find(cursor)
            number = _enter(cursor, subject, reason=reason, by=by, now=now)
            words = words_of(cursor, sources, subject)
            places = _erase_rows(cursor, sources, subject, words, reason=reason, by=by, now=now)
            telling = sorted(words.telling)
            if dry_run:
                work.rollback()
                return Erasure(
                    subject, len(words.telling | words.others), places | count_in_files(settings.home, telling, reports)
                )
            places |= replace_in_files(settings.home, telling, reports)
            cursor.execute("update ops.erasure set places = %s where erasure_id = %s", [json.dumps(places), number])
            work.commit()
        with session.cursor() as cursor:
            _vacuum(cursor, places)
            _prove(cursor, subject, telling, files_with(settings.home, telling, reports))
    return Erasure(subject, len(words.telling | words.others), places)


def _enter(cursor: extensions.cursor, subject: Subject, *, reason: str, by: str, now: datetime) -> int:
    """Enter the request and the numbers that it is about; returns the request's own."""
    cursor.execute(
        "insert into ops.erasure (kind, subject, reason, erased_by, erased_at) values (%s, %s, %s, %s, %s)"
        " returning erasure_id",
        [subject.kind, subject.name, reason, by, now],
    )
    number = int((cursor.fetchone() or (0,))[0])
    kind = "contact" if subject.kind == "contact" else "account"
    execute_values(
        cursor,
        "insert into ops.erased (kind, source, number, erasure_id) values %s on conflict do nothing",
        [(kind, *key, number) for key in subject.keys],
    )
    return number


def _erase_rows(
    cursor: extensions.cursor,
    sources: Mapping[str, Source],
    subject: Subject,
    words: Words,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> dict[str, int]:
    if subject.kind == "customer":
        keep_together(cursor, subject.keys, reason=f"erased: {reason}", by=by, now=now)
        cursor.execute("delete from identity.record where (source, account_id) in %s", [tuple(subject.keys)])
        cursor.execute(
            "delete from identity.link where (source, account_id) in %(keys)s"
            " or (other_source, other_account_id) in %(keys)s",
            {"keys": tuple(subject.keys)},
        )
        _tell_nobody(cursor, subject.name, reason=reason, by=by, now=now)
    places = {}
    for source in sources.values():
        for name in source.streams:
            by_parents = list(of_parents(cursor, sources, source, name))
            belongs = erased.owned(source, name, known_columns(cursor, source, name), by_parents=by_parents)
            if belongs is not None and belongs.columns:
                if rows := erased.empty_landed(cursor, source, name, belongs):
                    places[f"{source.schema_name}.{name}"] = rows
                erased.empty_past(cursor, source, name, belongs)
    if rows := erased.empty_quarantined(cursor, list(sources)):
        places["quarantine.row"] = rows
    return places | replace_words(cursor, subject, words)


def _tell_nobody(cursor: extensions.cursor, customer_id: str, *, reason: str, by: str, now: datetime) -> None:
    """Keep alerts about the customer from everybody from now on, those that wait included."""
    silence = NewSilence(now.date(), _FOR_EVER, f"erased: {reason}", customer_id=customer_id)
    add_silence(cursor, silence, by=by, now=now)
    cursor.execute(
        "update alerts.outbox set state = 'suppressed', reason = 'the customer was erased' where state in"
        " ('pending', 'retry') and case_id in (select case_id from alerts.\"case\" where customer_id = %s)",
        [customer_id],
    )


def _vacuum(cursor: extensions.cursor, places: Mapping[str, int]) -> None:
    """Give up the dead versions of the rows, which PostgreSQL keeps in its files until then."""
    for place in places:
        schema, _, table = place.partition(".")
        if table:
            cursor.execute(sql.SQL("vacuum {}").format(sql.Identifier(schema, table)))


def _prove(
    cursor: extensions.cursor, subject: Subject, telling: Sequence[str], files: Iterable[tuple[str, Path]]
) -> None:
    left = [*find_words(cursor, telling), *(str(file) for _, file in files)]
    if left:
        raise Permanent(
            f"{subject.kind} {subject.name}",
            expected="nothing left of it",
            got=f"words in {', '.join(left)}",
            next_step="erase again; a run that was writing at the same time may have brought them back",
        )
