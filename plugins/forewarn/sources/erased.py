"""Persons who asked to be forgotten: their words leave the rows that landed, and each later row before it lands.

`ops.erased` names accounts and contacts by their numbers. What belongs to one of them keeps its numbers, amounts and
dates, so that sums stay what they were, and loses every column that holds a person's words or address (decision 0044).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import extensions, sql

from forewarn.errors import Permanent
from forewarn.expressions import as_type, names, parse, render
from forewarn.sources.column_types import Columns, identifying_columns, personal_columns
from forewarn.sources.model import Source

GONE = "(erased)"


@dataclass(frozen=True)
class Owned:
    """What of one stream belongs to erased persons.

    Attributes
    ----------
    condition : sql.Composable
        True of their rows.
    columns : list of str
        Columns that hold a person's words or address.
    identifying : list of str
        Those of them that also tell records apart, so that they cannot be emptied.
    """

    condition: sql.Composable
    columns: list[str]
    identifying: list[str]


def owned(
    source: Source, stream_name: str, columns: Mapping[str, str], *, by_parents: Sequence[sql.Composable] = ()
) -> Owned | None:
    """Return what of a stream belongs to erased persons; None for a stream that holds nothing personal.

    Parameters
    ----------
    columns : dict
        Columns that are there, with their PostgreSQL types.
    by_parents : sequence of sql.Composable
        Conditions of rows that belong to a record of such a person (`erased_parents`).
    """
    stream = source.streams[stream_name]
    told, identifying = personal_columns(stream) & columns.keys(), identifying_columns(stream)
    conditions = [*_conditions(source, stream_name, columns), *by_parents]
    if not told or not conditions:
        return None
    return Owned(sql.SQL(" or ").join(conditions), sorted(told - identifying), sorted(told & identifying))


def _conditions(source: Source, stream_name: str, columns: Mapping[str, str]) -> Iterator[sql.Composable]:
    for mapping in source.streams[stream_name].entities.values():
        for column, kind in (("account_id", "account"), ("contact_id", "contact")):
            text = mapping.columns.get(column)
            if text is None:
                continue
            expression = parse(text, Columns(dict(columns), text))
            if names(expression) <= columns.keys():
                numbering = source.name if kind == "contact" else mapping.account_source or source.name
                yield sql.SQL("({}) in (select number from ops.erased where kind = {} and source = {})").format(
                    sql.SQL(render(as_type(expression, "text"))), sql.Literal(kind), sql.Literal(numbering)
                )


def anybody(cursor: extensions.cursor) -> bool:
    """Tell whether anybody was erased yet."""
    cursor.execute("select exists (select from ops.erased)")
    return bool((cursor.fetchone() or [False])[0])


def empty_staged(cursor: extensions.cursor, target: sql.Composable, belongs: Owned) -> int:
    """Empty the personal columns of rows that are about to land; returns how many rows had some."""
    cursor.execute(
        sql.SQL("update {} set {} where ({}) and ({})").format(
            target, _nothing(belongs.columns), belongs.condition, _something(belongs.columns)
        )
    )
    return int(cursor.rowcount)


def empty_landed(cursor: extensions.cursor, source: Source, stream_name: str, belongs: Owned) -> int:
    """Empty the personal columns of rows that have landed; returns how many rows had some.

    Rows are put back anew: without a key, two may be one once their words are gone.
    """
    table = sql.Identifier(source.schema_name, stream_name)
    cursor.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " and attgenerated = ''",
        [table.as_string(cursor)],
    )
    kept = [str(name) for (name,) in cursor.fetchall()]
    cursor.execute(
        sql.SQL(
            "with emptied as (delete from {table} where ({mine}) and ({something}) returning *)"
            " insert into {table} ({names}) select {values} from emptied on conflict do nothing"
        ).format(
            table=table,
            mine=belongs.condition,
            something=_something(belongs.columns),
            names=sql.SQL(", ").join(map(sql.Identifier, kept)),
            values=sql.SQL(", ").join(
                sql.SQL("null") if name in belongs.columns else sql.Identifier(name) for name in kept
            ),
        )
    )
    return int(cursor.rowcount)


def empty_past(cursor: extensions.cursor, source: Source, stream_name: str, belongs: Owned) -> None:
    """Empty what rows were before they changed, which the next build still has to look at."""
    table = sql.Identifier(source.schema_name, stream_name)
    cursor.execute(
        sql.SQL(
            "update ops.past_row set content = content - {columns}::text[] where schema_name = {schema} and table_name"
            " = {stream} and exists (select from jsonb_populate_record(null::{table}, content) where {mine})"
        ).format(
            columns=sql.Literal(belongs.columns),
            schema=sql.Literal(source.schema_name),
            stream=sql.Literal(stream_name),
            table=table,
            mine=belongs.condition,
        )
    )


def empty_quarantined(cursor: extensions.cursor, sources: Sequence[str], *, since_batch: int = 0) -> int:
    """Empty what was set aside and has an erased person's number in it; the reason stays without what it quotes.

    A row that could not be read has no columns to ask: a number that stands alone in it counts, whosever it is.
    """
    cursor.execute(
        "update quarantine.row as aside set content = null, reason = regexp_replace(reason, ', got .*', ', got ' || %s)"
        " from ops.erased where aside.batch_id >= %s and aside.source = any(%s) and "
        + stands_in("erased.number", "aside.content"),
        [GONE, since_batch, list(sources)],
    )
    return int(cursor.rowcount)


def stands_in(number: str, text: str) -> str:
    """Return the condition, as SQL, by which a number stands alone somewhere in a text; both are given as SQL."""
    escaped = f"regexp_replace({number}, '([^[:alnum:]])', '\\\\\\1', 'g')"
    return f"{text} ~ ('(^|[^[:alnum:]])' || {escaped} || '($|[^[:alnum:]])')"


def refuse_identifying(source: Source, stream_name: str, belongs: Owned) -> None:
    """Raise Permanent where a person's words are what tells records apart: emptied, the records would be others."""
    if belongs.identifying:
        raise Permanent(
            f"{source.name}.{stream_name}: {', '.join(belongs.identifying)}",
            expected="numbers that say nothing of a person, as keys and account numbers",
            got="a column that is personal and tells records apart",
            next_step=f"map a number in {source.file}, then `forewarn source reset {source.name} {stream_name}`",
        )


def _nothing(columns: list[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("{} = null").format(sql.Identifier(name)) for name in columns)


def _something(columns: list[str]) -> sql.Composable:
    return sql.SQL(" or ").join(sql.SQL("{} is not null").format(sql.Identifier(name)) for name in columns)
