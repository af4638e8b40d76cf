"""Whom an erasure is about, and by which words they can be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from psycopg2 import extensions, sql

from forewarn.config.entities import entities
from forewarn.errors import Permanent
from forewarn.expressions import names
from forewarn.sources import erased
from forewarn.sources.column_types import expressions
from forewarn.sources.erased_parents import of_parents
from forewarn.sources.model import Source, Stream
from forewarn.sources.raw_tables import known_columns

Key = tuple[str, str]
# Entities whose personal columns name a person; those of the others hold what was written.
_WHO = ("account", "contact", "lead")
SHORTEST = 4


@dataclass(frozen=True)
class Subject:
    """A customer with all of its accounts and their contacts, or one contact.

    Attributes
    ----------
    name : str
        A customer_id, or `source:number` of a contact.
    keys : list of (str, str)
        Source and number of each account, or of the contact.
    """

    kind: Literal["customer", "contact"]
    name: str
    keys: list[Key]


@dataclass
class Words:
    """What a person can be known by.

    Attributes
    ----------
    telling : set of str
        Names, addresses and numbers that nobody else bears: they are looked for everywhere.
    others : set of str
        What others bear too, and what was written: looked for in the customer's own rows.
    """

    telling: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)


def customer(cursor: extensions.cursor, customer_id: str) -> Subject:
    """Return a customer as it is united now.

    Raises
    ------
    Permanent
        There is no such customer, or something has to be kept of it.
    """
    cursor.execute(
        "select source, account_id from marts.customer_crosswalk where customer_id = %s order by 1, 2",
        [customer_id],
    )
    keys = [(source, number) for source, number in cursor.fetchall()]
    if not keys:
        raise Permanent(
            f"customer {customer_id}",
            expected="a customer_id of the warehouse",
            got="none of that name",
            next_step="`forewarn identity show source:number` tells the customer of an account",
        )
    cursor.execute("select reason from ops.legal_hold where customer_id = %s and lifted_at is null", [customer_id])
    if held := cursor.fetchone():
        raise Permanent(
            f"customer {customer_id}",
            expected="nothing that has to be kept",
            got=f"a legal hold: {held[0]}",
            next_step=f"`forewarn privacy release {customer_id} --why DECIDED` once it is over",
        )
    return Subject("customer", customer_id, keys)


def contact(cursor: extensions.cursor, sources: Mapping[str, Source], name: str) -> Subject:
    """Return a contact, by `source:number`.

    Raises
    ------
    Permanent
        No stream of that source tells of contacts.
    """
    source, _, number = name.partition(":")
    if not number or not any("contact" in stream.entities for stream in _streams(sources, source)):
        raise Permanent(
            f"contact {name}",
            expected="source:number, of a source that tells of contacts",
            got=f"`{source}`",
            next_step="see `forewarn source list`",
        )
    return Subject("contact", name, [(source, number)])


def words_of(cursor: extensions.cursor, sources: Mapping[str, Source], subject: Subject) -> Words:
    """Return what the rows of somebody who is in `ops.erased` by now still say of them."""
    found = Words()
    for source in sources.values():
        for name, stream in source.streams.items():
            by_parents = list(of_parents(cursor, sources, source, name))
            belongs = erased.owned(source, name, known_columns(cursor, source, name), by_parents=by_parents)
            if belongs is None:
                continue
            erased.refuse_identifying(source, name, belongs)
            who = _names_somebody(stream)
            for column in belongs.columns:
                for value, alone in _values(cursor, sql.Identifier(source.schema_name, name), column, belongs):
                    telling = alone and column in who and len(value) >= SHORTEST
                    (found.telling if telling else found.others).add(value)
    if subject.kind == "customer":
        # The same in the one spelling in which accounts are compared.
        cursor.execute(
            "select distinct word from identity.record, unnest(array[name, tax_id, street] || emails || phones) as word"
            " where (source, account_id) in %s and char_length(word) >= %s and not exists (select from identity.record"
            " as other where (other.source, other.account_id) not in %s and word = any("
            " array[other.name, other.tax_id, other.street] || other.emails || other.phones))",
            [tuple(subject.keys), SHORTEST, tuple(subject.keys)],
        )
        found.telling.update(str(word) for (word,) in cursor.fetchall())
    found.others -= found.telling
    return found


def stands_alone(letter: str) -> bool:
    """Tell whether a word that ends in a letter is set off from what comes next, as Chinese words are not."""
    return letter.isascii() and letter.isalnum()


def _streams(sources: Mapping[str, Source], source: str) -> list[Stream]:
    return list(sources[source].streams.values()) if source in sources else []


def _names_somebody(stream: Stream) -> set[str]:
    """Return the columns that say who somebody is; a column that is only declared as personal may do so."""
    mapped = {
        name: entity in _WHO
        for entity, column, expression in expressions(stream)
        if column is not None and entities()[entity].columns[column].personal
        for name in names(expression)
    }
    return {name for name in {*stream.personal, *mapped} if mapped.get(name, True)}


def _values(
    cursor: extensions.cursor, table: sql.Composable, column: str, belongs: erased.Owned
) -> list[tuple[str, bool]]:
    """Return the values of one column in their rows, and whether they stand in no other."""
    cursor.execute(
        sql.SQL(
            "with mine as materialized (select distinct {column}::text as value from {table} where {mine})"
            " select btrim(value), not exists (select from {table} where {column}::text = value"
            " and ({mine}) is not true) from mine where btrim(value) <> ''"
        ).format(column=sql.Identifier(column), mine=belongs.condition, table=table)
    )
    return [(str(value), bool(alone)) for value, alone in cursor.fetchall()]
