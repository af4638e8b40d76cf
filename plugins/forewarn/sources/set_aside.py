"""What of `quarantine.row` can be tried again, and why the rest cannot."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import extensions, sql

from forewarn.sources.checks import MAX_CONTENT
from forewarn.sources.model import Source, Stream
from forewarn.sources.raw_tables import known_columns

MOST = 50_000
_PLACE = "_place"


@dataclass(frozen=True)
class SetAside:
    """Rows of one stream that were set aside.

    Attributes
    ----------
    rows : dict
        Number in `quarantine.row` → values by column, of those that can be tried; in the order in which they came.
    kept : Counter
        Why rows cannot be tried → how many.
    waiting : int
        Rows beyond the most that are tried at once.
    """

    rows: dict[int, dict[str, Any]]
    kept: Counter[str]
    waiting: int


def set_aside(cursor: extensions.cursor, source: Source, stream: str, *, most: int = MOST) -> SetAside:
    """Return what was set aside of a stream, and hold it until the transaction ends."""
    whys = _whys(source.streams[stream], known_columns(cursor, source, stream), source, stream)
    cursor.execute(
        sql.SQL(
            "select row_id, case {whys} end from quarantine.row as aside"
            " where source = %(source)s and stream = %(stream)s order by row_id for update"
        ).format(whys=whys),
        {"source": source.name, "stream": stream},
    )
    found = cursor.fetchall()
    fit = [row_id for row_id, why in found if why is None]
    cursor.execute("select row_id, content from quarantine.row where row_id = any(%s) order by row_id", [fit[:most]])
    # Numbers stay as they were written: a float would round them.
    rows = {row_id: json.loads(content, parse_float=str, parse_int=str) for row_id, content in cursor.fetchall()}
    return SetAside(rows, Counter(why for _, why in found if why is not None), len(fit) - len(rows))


def place_of(row_id: int, content: Mapping[str, Any]) -> str:
    """Return where a row stood in its source, or its number in the quarantine where nothing says so."""
    return str(content.get(_PLACE) or f"row {row_id} of quarantine.row")


def columns_of(contents: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Return every column that some row has."""
    return [name for name in dict.fromkeys(name for row in contents.values() for name in row) if name != _PLACE]


def as_texts(content: Mapping[str, Any], columns: list[str]) -> list[str | None]:
    """Return a row's values as text, which is what sources give."""
    return [_as_text(content.get(name)) for name in columns]


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whys(stream: Stream, known: Mapping[str, str], source: Source, name: str) -> sql.Composable:
    """Return the reasons, first to last, for which a row cannot be tried, as the arms of a `case`."""
    return sql.SQL(
        "when content is null then 'its content was taken out for an erased person'"
        " when content is not json object and length(content) >= {most} then 'its content was cut at {most} characters'"
        " when content is not json object then 'it could not be split into columns;"
        " correct its content to a JSON object, column by column'"
        " when batch_id < ({whole}) then 'the stream was read whole since'{newer}"
    ).format(most=sql.Literal(MAX_CONTENT), whole=_newest_whole(stream), newer=_newer(stream, known, source, name))


def _newest_whole(stream: Stream) -> sql.Composable:
    """Return the newest batch that read the whole stream: what is still wrong of it was set aside then, again."""
    whole = "rows_in > 0" if stream.load_mode == "snapshot" else "complete"
    return sql.SQL(
        "select max(batch_id) from ops.batch as whole where whole.source = %(source)s and whole.stream = %(stream)s"
        f" and status = 'landed' and not redrive and {whole}"
    )


def _newer(stream: Stream, known: Mapping[str, str], source: Source, name: str) -> sql.Composable:
    """Return the arm for rows whose record has landed since, where no cursor tells which of the two is the newer."""
    if stream.cursor or stream.load_mode == "append" or not stream.key or not known.keys() >= set(stream.key):
        return sql.SQL("")
    same = sql.SQL(" and ").join(
        sql.SQL(
            "kept.{column} = case when pg_input_is_valid(aside.content::jsonb ->> {key}, {kind})"
            " then (aside.content::jsonb ->> {key})::{type} end"
        ).format(
            column=sql.Identifier(column),
            key=sql.Literal(column),
            kind=sql.Literal(known[column]),
            type=sql.SQL(known[column]),
        )
        for column in stream.key
    )
    return sql.SQL(
        " when exists (select from {table} as kept where kept._batch_id > aside.batch_id and {same})"
        " then 'its record has landed since'"
    ).format(table=sql.Identifier(source.schema_name, name), same=same)
