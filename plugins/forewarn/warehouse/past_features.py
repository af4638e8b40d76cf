"""A date that is built late, for customers of whom a record has changed since: from records as they stood.

The models of features are computed once more, from nothing, for these customers alone: over raw rows of which those
that were changed or removed after the date are put back as the last build before saw them (`ops.row_version`). What
comes out lies in `intermediate.past_<mart>`, from where the mart takes it. Identity and versions of contracts stay what
they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2 import extensions

from forewarn.config.entities import entities, keys
from forewarn.warehouse.row_versions import FEATURE_ENTITIES

MARTS = ("churn_features", "customer_lifecycle")
# The date that the models are compiled for; each wanted one takes its place in the SQL.
STAND_IN = date(1901, 1, 1)
# Records that belong to another whatever their source says, by what names it: both or neither are taken.
_PARENTS = {
    "order_line": ("order", "order_id"),
    "payment": ("invoice", "invoice_id"),
    "ticket_status_change": ("ticket", "ticket_id"),
}
_STOCKOUT_DAYS = 91
_RELATION = re.compile(r'"[^"]+"\."(?:staging|intermediate|marts)"\."(\w+)"')
# Computed anew for the date; all other relations are read as they are.
_ANEW = re.compile(r"stg_\w+|int_(?!account_identity|subscription_versions)\w+|churn_features")


@dataclass(frozen=True)
class _Feed:
    """One stream that feeds an entity; its rows are taken aside as `version_N`, `base_N` and `stand_N`."""

    number: int
    entity: str
    source: str
    account_source: str
    schema: str
    table: str
    columns: Mapping[str, str]
    belongs_to: Mapping[str, str]

    @property
    def relation(self) -> str:
        return f'"{self.schema}"."{self.table}"'

    @property
    def key(self) -> str:
        return f"cast(row({', '.join(self.columns[name] for name in keys(self.entity))}) as text)"

    def __getitem__(self, column: str) -> str:
        return self.columns.get(column, "cast(null as text)")


def late_dates(cursor: extensions.cursor, dates: Sequence[date]) -> list[date]:
    """Return the dates, oldest first, on which a row counts that was changed or removed since."""
    cursor.execute("select max(valid_to) from ops.row_version")
    (newest,) = cursor.fetchone() or (None,)
    return sorted(day for day in dates if newest is not None and day < newest)


def compute(
    cursor: extensions.cursor, mappings: Mapping[str, Any], queries: Mapping[str, str], dates: Sequence[date]
) -> None:
    """Write `intermediate.past_customers` and `intermediate.past_<mart>` for the dates, in the cursor's transaction.

    Parameters
    ----------
    mappings : dict
        `forewarn.sources.canonical_mappings`.
    queries : mapping of str to str
        The SQL of each model as dbt compiled it for `STAND_IN`, from nothing.
    """
    feeds = _feeds(mappings)
    drop(cursor)
    _take_versions(cursor, feeds, min(dates))
    _find_customers(cursor, feeds)
    _take_rows(cursor, feeds, min(dates))
    cursor.execute("create table intermediate.past_customers (customer_id text, as_of_date date)")
    for day in dates:
        _put_back(cursor, feeds, day)
        cursor.execute(
            f"insert into intermediate.past_customers select customer_id, '{day}' from pg_temp.past_customer"
        )
        with _models(cursor, feeds, queries, day) as build:
            for mart in MARTS:
                build(mart)
                cursor.execute(
                    f"create table if not exists intermediate.past_{mart} as select * from pg_temp.{mart} where false"
                )
                cursor.execute(f"insert into intermediate.past_{mart} select * from pg_temp.{mart}")


def drop(cursor: extensions.cursor) -> None:
    """Remove what was computed before."""
    for name in ("customers", *MARTS):
        cursor.execute(f"drop table if exists intermediate.past_{name}")


def _feeds(mappings: Mapping[str, Any]) -> list[_Feed]:
    told = [(entity, feed) for entity in _oldest_first(mappings) for feed in mappings.get(entity, ())]
    return [
        _Feed(
            number,
            entity,
            feed["source"],
            feed["account_source"] if entities()[entity].refers else feed["source"],
            feed["schema"],
            feed["table"],
            feed["columns"],
            feed.get("belongs_to", {}),
        )
        for number, (entity, feed) in enumerate(told)
    ]


def _oldest_first(mappings: Mapping[str, Any]) -> list[str]:
    """Return the entities that features rest on, and those that say whose their records are, before their children."""
    found: list[str] = []

    def add(entity: str) -> None:
        for feed in mappings.get(entity, ()):
            for parent in feed.get("belongs_to", ()):
                add(parent)
        if entity not in found:
            found.append(entity)

    for entity in FEATURE_ENTITIES:
        add(entity)
    return found


def _take_versions(cursor: extensions.cursor, feeds: Sequence[_Feed], first: date) -> None:
    for feed in feeds:
        cursor.execute(
            f"create temporary table version_{feed.number} on commit drop as"
            " select raw.*, past.valid_to as _valid_to, past.seen_batch_id as _seen_batch_id"
            f" from ops.row_version as past, jsonb_populate_record(null::{feed.relation}, past.content) as raw"
            " where past.schema_name = %s and past.table_name = %s and past.valid_to > %s",
            [feed.schema, feed.table, first],
        )


def _find_customers(cursor: extensions.cursor, feeds: Sequence[_Feed]) -> None:
    """Find whom the changed records concerned before, or concern now."""
    cursor.execute("create temporary table touched (source text, account_id text) on commit drop")
    cursor.execute("create temporary table missed (source text, product_id text) on commit drop")
    for feed in feeds:
        cursor.execute(f"select exists (select from version_{feed.number})")
        if not (cursor.fetchone() or [False])[0]:
            continue
        versions = f"version_{feed.number}"
        both = (versions, f"{feed.relation} as raw where {feed.key} in (select {feed.key} from {versions})")
        for rows in both:
            for accounts in _accounts(feeds, feed, rows):
                cursor.execute(f"insert into touched {accounts}")
            if feed.entity in ("product", "inventory_snapshot"):
                source = f"coalesce({feed['product_source']}, '{feed.source}')"
                cursor.execute(f"insert into missed select {source}, {feed['product_id']} from {rows}")
    cursor.execute(
        "create temporary table past_customer on commit drop as"
        " select customer_id from intermediate.int_account_identity join touched using (source, account_id)"
        " union select customer_id from intermediate.int_order_items as items join missed"
        " on items.product_source = missed.source and items.product_id = missed.product_id"
    )
    cursor.execute(
        "create temporary table past_account on commit drop as select source, account_id"
        " from intermediate.int_account_identity where customer_id in (select customer_id from past_customer)"
    )


def _take_rows(cursor: extensions.cursor, feeds: Sequence[_Feed], first: date) -> None:
    """Take the rows of these customers, as they are and as they were."""
    for feed in feeds:
        wanted = [f"{feed.key} in (select {feed.key} from version_{feed.number})"]
        if "account_id" in feed.columns:
            wanted.append(
                f"({feed['account_id']}) in"
                f" (select account_id from past_account where source = '{feed.account_source}')"
            )
        for parent, number in _parents(feeds, feed):
            wanted.append(f"({number}) in (select {parent[keys(parent.entity)[0]]} from base_{parent.number})")
        if feed.entity == "product":
            wanted.append("true")
        if feed.entity == "inventory_snapshot":
            wanted.append(f"({feed['taken_at']}) >= date '{first}' - {_STOCKOUT_DAYS}")
        cursor.execute(
            f"create temporary table base_{feed.number} on commit drop as"
            " select raw.*, null::date as _valid_to, null::bigint as _seen_batch_id"
            f" from {feed.relation} as raw where {' or '.join(wanted)}"
            f" union all select * from version_{feed.number}"
        )


def _accounts(feeds: Sequence[_Feed], feed: _Feed, rows: str) -> Iterator[str]:
    """Yield SQL of the accounts that rows of a feed concern: their own, and those of what they belong to."""
    if "account_id" in feed.columns:
        yield f"select '{feed.account_source}', {feed['account_id']} from {rows}"
    for parent, number in _parents(feeds, feed):
        mine = f"{parent[keys(parent.entity)[0]]} in (select {number} from {rows})"
        for whole in (parent.relation, f"version_{parent.number}"):
            yield from _accounts(feeds, parent, f"{whole} as parent where {mine}")


def _parents(feeds: Sequence[_Feed], feed: _Feed) -> Iterator[tuple[_Feed, str]]:
    """Yield the feeds of what a feed's records belong to, with the SQL of its number."""
    entity, name = _PARENTS.get(feed.entity, ("", ""))
    for one in feeds:
        if one.entity == entity and one.source == feed.source:
            yield one, feed[name]
        elif one.entity in feed.belongs_to and one.source == feed.account_source:
            yield one, feed.belongs_to[one.entity]


def _put_back(cursor: extensions.cursor, feeds: Sequence[_Feed], day: date) -> None:
    """Let each record stand as the last build before its first change after the day saw it."""
    for feed in feeds:
        versions = (
            f"select {feed.key} as key, min(_valid_to) as valid_to, min(_seen_batch_id) as batch_id"
            f" from base_{feed.number} where _valid_to > '{day}' group by 1"
        )
        cursor.execute(
            f"drop table if exists pg_temp.stand_{feed.number};"
            f" create temporary table stand_{feed.number} on commit drop as"
            f" select base.* from base_{feed.number} as base"
            f" left join ({versions}) as changed on changed.key = {feed.key}"
            " where case when changed.key is null then base._valid_to is null"
            " else coalesce(base._valid_to, 'infinity') >= changed.valid_to and base._batch_id <= changed.batch_id end"
        )


@contextmanager
def _models(cursor: extensions.cursor, feeds: Sequence[_Feed], queries: Mapping[str, str], day: date) -> Iterator[Any]:
    """Yield what builds a model as a temporary table, after those that it reads; they are gone afterwards."""
    database = cursor.connection.info.dbname
    made: list[str] = []

    def is_anew(name: str) -> bool:
        return name in queries and _ANEW.fullmatch(name) is not None

    def build(name: str) -> None:
        query = queries[name].replace(STAND_IN.isoformat(), day.isoformat())
        for read in _RELATION.findall(query):
            if is_anew(read) and read not in made:
                build(read)
        query = _RELATION.sub(lambda found: f"pg_temp.{found[1]}" if is_anew(found[1]) else found[0], query)
        for feed in feeds:
            if name == staging_model(feed.entity):
                query = query.replace(f'"{database}".{feed.relation}', f"pg_temp.stand_{feed.number}")
        mine = " where customer_id in (select customer_id from pg_temp.past_customer)" if name in MARTS else ""
        cursor.execute(f"create temporary table {name} on commit drop as select * from ({query}) as model{mine}")
        made.append(name)

    yield build
    for name in made:
        cursor.execute(f"drop table pg_temp.{name}")


def staging_model(entity: str) -> str:
    """Return the staging model that holds the records of an entity."""
    return f"stg_{entity[:-1]}ies" if entity.endswith("y") else f"stg_{entity}s"
