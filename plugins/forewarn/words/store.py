"""Which texts are new, and what was read in them: tables `words.reading` and `words.subject`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from psycopg2 import extensions, sql
from psycopg2.extras import execute_values

from forewarn.config.entities import entities
from forewarn.config.settings import Settings
from forewarn.config.words import Words
from forewarn.warehouse.engine import connect
from forewarn.words.reader import Reader, Reading, fingerprint

# Where customers write: the text of each canonical entity.
TEXTS = {"ticket": "subject", "survey_response": "body", "review": "body", "mention": "body"}
AT_ONCE = 1000


@dataclass(frozen=True)
class Text:
    """A text that is to be read: whose record it is, and the batch that brought it."""

    entity: str
    source: str
    record_id: str
    digest: str
    batch_id: int
    body: str


@dataclass
class WordCounts:
    """What one run read: texts, and those in neither English nor Chinese."""

    texts: int = 0
    unknown: int = 0


def read_new_texts(settings: Settings, words: Words, *, now: datetime) -> WordCounts:
    """Read every text of the staging layer that is new or has changed, or all of them after a change of `words`.

    Each thousand is a transaction of its own, oldest batch first, so that a run that dies goes on where it ended.
    """
    reader, read_with, counts = Reader(words), fingerprint(words), WordCounts()
    with (
        connect(settings.warehouse_url, application="forewarn words") as source,
        connect(settings.warehouse_url, application="forewarn words") as target,
    ):
        for entity in TEXTS:
            for texts in _chunks(_new(source, entity, read_with)):
                readings = reader.read([text.body for text in texts])
                with target.cursor() as cursor:
                    _write(cursor, texts, readings, read_with=read_with, now=now)
                target.commit()
                counts.texts += len(texts)
                counts.unknown += sum(reading.language is None for reading in readings)
    return counts


def _new(source: extensions.connection, entity: str, read_with: str) -> Iterator[Text]:
    """Yield the texts that are not read, through a cursor of the server: a first night may have millions.

    What was landed before the newest batch that was read needs no look; within that batch a run may have died.
    """
    key, column = entities()[entity].key, TEXTS[entity]
    query = sql.SQL(
        """
        select t.source, t.{key}, md5(t.{text}), t._batch_id, t.{text}
        from staging.{table} as t
        left join words.reading as r
            on r.entity = %(entity)s and r.source = t.source and r.record_id = t.{key} and r.read_with = %(read_with)s
        where t.{text} ~ '\\S'
            and t._batch_id >= coalesce(
                (select max(batch_id) from words.reading where entity = %(entity)s and read_with = %(read_with)s), -1
            )
            and r.text_hash is distinct from md5(t.{text})
        order by t._batch_id
        """
    ).format(key=sql.Identifier(key), text=sql.Identifier(column), table=sql.Identifier(f"stg_{entity}s"))
    with source.cursor(name=f"new_{entity}") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(query, {"entity": entity, "read_with": read_with})
        for row in cursor:
            yield Text(entity, *row)


def _chunks(texts: Iterator[Text]) -> Iterator[list[Text]]:
    while chunk := list(islice(texts, AT_ONCE)):
        yield chunk


def _write(
    cursor: extensions.cursor, texts: Sequence[Text], readings: Iterable[Reading], *, read_with: str, now: datetime
) -> None:
    """Put readings in the place of earlier ones of the same records."""
    pairs = list(zip(texts, readings, strict=True))
    execute_values(
        cursor,
        "insert into words.reading (entity, source, record_id, text_hash, batch_id, language, sentiment, tone,"
        " read_with, read_at) values %s on conflict (entity, source, record_id) do update set (text_hash, batch_id,"
        " language, sentiment, tone, read_with, read_at) = (excluded.text_hash, excluded.batch_id, excluded.language,"
        " excluded.sentiment, excluded.tone, excluded.read_with, excluded.read_at)",
        [
            (
                *(text.entity, text.source, text.record_id, text.digest, text.batch_id, reading.language),
                *((felt.score, felt.tone) if (felt := reading.sentiment) else (None, None)),
                *(read_with, now),
            )
            for text, reading in pairs
        ],
        page_size=AT_ONCE,
    )
    execute_values(
        cursor,
        "delete from words.subject as s using (values %s) as v (entity, source, record_id)"
        " where (s.entity, s.source, s.record_id) = (v.entity, v.source, v.record_id)",
        [(text.entity, text.source, text.record_id) for text in texts],
        page_size=AT_ONCE,
    )
    execute_values(
        cursor,
        "insert into words.subject (entity, source, record_id, kind, name) values %s",
        [
            (text.entity, text.source, text.record_id, kind, name)
            for text, reading in pairs
            for kind, names in (("topic", reading.topics), ("competitor", reading.competitors))
            for name in names
        ],
        page_size=AT_ONCE,
    )
