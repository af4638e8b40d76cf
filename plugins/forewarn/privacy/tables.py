"""Words in the warehouse: every text of every table is looked through, so that none has to be remembered here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import extensions, sql

from forewarn.privacy.subjects import Subject, Words, stands_alone
from forewarn.sources.erased import GONE

_TEXTS = (
    "select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum), array_agg(t.typname::text order by"
    " a.attnum), (select array_agg(attname::text) from pg_attribute where attrelid = c.oid and attnum > 0)"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid"
    " and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' join pg_type t on t.oid = a.atttypid"
    " where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'"
    " and t.typname in ('text', 'varchar', 'jsonb', '_text') group by n.nspname, c.relname, c.oid order by 1, 2"
)
_CASTS = {"jsonb": "jsonb", "_text": "text[]"}


@dataclass(frozen=True)
class Table:
    """One table with its columns that hold text, and their types."""

    name: sql.Identifier
    shown: str
    texts: list[tuple[str, str]]
    columns: set[str]


def tables_with_text(cursor: extensions.cursor) -> Iterator[Table]:
    """Yield every table of the warehouse that can hold words."""
    cursor.execute(_TEXTS)
    for schema, name, texts, types, columns in cursor.fetchall():
        yield Table(
            sql.Identifier(schema, name), f"{schema}.{name}", list(zip(texts, types, strict=True)), set(columns)
        )


def replace_words(cursor: extensions.cursor, subject: Subject, words: Words) -> dict[str, int]:
    """Put `(erased)` in the place of each word; returns how many rows of which table had some.

    What only this person is known by is replaced everywhere, the rest in rows that are about the customer.
    """
    touched: dict[str, int] = {}
    # Triggers keep what rows of the others were before.
    for table in sorted(tables_with_text(cursor), key=lambda table: table.shown == "ops.past_row"):
        cursor.execute(_replacement(table, _about(table, subject), sorted(words.telling), sorted(words.others)))
        if cursor.rowcount:
            touched[table.shown] = cursor.rowcount
    return touched


def find_words(cursor: extensions.cursor, words: Sequence[str]) -> dict[str, int]:
    """Return how many rows of which table hold one of some words."""
    found: dict[str, int] = {}
    for table in list(tables_with_text(cursor)) if words else ():
        cursor.execute(sql.SQL("select count(*) from {} where {}").format(table.name, _holds(table, words)))
        if rows := int((cursor.fetchone() or [0])[0]):
            found[table.shown] = rows
    return found


def _replacement(
    table: Table, about: sql.Composable | None, telling: Sequence[str], others: Sequence[str]
) -> sql.Composable:
    every, mine = about or sql.SQL("false"), [*telling, *others]
    changes = [
        sql.SQL("{0} = case when {1} then {2} else {3} end").format(
            sql.Identifier(name), every, _without(name, kind, mine), _without(name, kind, telling)
        )
        for name, kind in table.texts
    ]
    return sql.SQL("update {} set {} where ({}) or (({}) and ({}))").format(
        table.name, sql.SQL(", ").join(changes), _holds(table, telling), every, _holds(table, mine)
    )


def _without(name: str, kind: str, words: Sequence[str]) -> sql.Composable:
    """Return a column's text with each word replaced; numbered, so that keys stay apart."""
    text: sql.Composable = sql.SQL("{}::text").format(sql.Identifier(name))
    for number, word in enumerate(sorted(words, key=len, reverse=True), 1):
        text = sql.SQL("regexp_replace({}, {}, {}, 'gi')").format(
            text, sql.Literal(_pattern(word, kind)), sql.Literal(f"{GONE[:-1]} {number})")
        )
    return sql.SQL("({})::{}").format(text, sql.SQL(_CASTS.get(kind, "text")))


def _holds(table: Table, words: Sequence[str]) -> sql.Composable:
    if not words:
        return sql.SQL("false")
    return sql.SQL(" or ").join(
        sql.SQL("{}::text ~* {}").format(
            sql.Identifier(name), sql.Literal("|".join(_pattern(word, kind) for word in words))
        )
        for name, kind in table.texts
    )


def _pattern(word: str, kind: str) -> str:
    """Return the regular expression of a word that stands alone, as PostgreSQL writes it in a column of a type."""
    if kind != "text":
        # The same escapes serve an array's elements, which stand in double quotes where they have to.
        word = json.dumps(word, ensure_ascii=False)[1:-1]
    begins, ends = (edge if stands_alone(letter) else "" for edge, letter in ((r"\m", word[0]), (r"\M", word[-1])))
    return begins + re.sub(r"([^\w\s])", r"\\\1", word).replace("\n", r"\n") + ends


def _about(table: Table, subject: Subject) -> sql.Composable | None:
    """Return the condition of rows that are about a customer; None for a table that does not say whom it is about."""
    if subject.kind != "customer":
        return None
    cases = '{column} in (select case_id from alerts."case" where customer_id = {customer})'
    messages = f"select alert_id from alerts.outbox where {cases.replace('{column}', 'case_id')}"
    for column, condition in (
        ("customer_id", "{column} = {customer}"),
        ("case_id", cases),
        ("alert_id", f"{{column}} in ({messages})"),
    ):
        if column in table.columns:
            return sql.SQL(condition).format(column=sql.Identifier(column), customer=sql.Literal(subject.name))
    if "account_id" in table.columns and (source := {"account_source", "source"} & table.columns):
        return sql.SQL("({}, account_id) in {}").format(sql.Identifier(min(source)), sql.Literal(tuple(subject.keys)))
    return None
