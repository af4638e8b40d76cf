"""A company small enough to compute by hand: raw tables with rows, and the mappings that make them canonical."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy import make_url

from forewarn.config.entities import entities
from forewarn.config.identity import Identity
from forewarn.config.settings import Settings
from forewarn.identity import LinkReport, link_accounts
from forewarn.warehouse import dbt
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn

PROJECT = Path(__file__).resolve().parents[3]
LANDED_AT = datetime(2025, 1, 1, tzinfo=UTC)
CHURN = {"definition": "non_contractual", "horizon_days": 30, "eligible_days": 60, "snapshots": 3}


class Company:
    """Raw tables that look as landing leaves them, one per source and entity, in a warehouse of their own."""

    def __init__(self, url: str, home: Path) -> None:
        self.settings = Settings(
            project=PROJECT, config=PROJECT / "config", home=home, warehouse_url=url, mlflow_url="sqlite://"
        )
        self.connection = psycopg2.connect(dsn(url))
        self.connection.autocommit = True
        self.mappings: dict[str, list[dict[str, Any]]] = {}

    def land(
        self,
        source: str,
        entity: str,
        columns: str,
        rows: Sequence[tuple[object, ...]],
        *,
        account_source: str | None = None,
        distinct: bool = False,
        where: str | None = None,
        belongs_to: dict[str, str] | None = None,
    ) -> None:
        """Land rows as one batch: a row whose key is there already takes its place, unless the grain is finer."""
        names = columns.split()
        feed = self._feed(source, entity, names, account_source=account_source, distinct=distinct, where=where)
        feed["belongs_to"] = {parent: f'cast("{name}" as text)' for parent, name in (belongs_to or {}).items()}
        table = sql.Identifier(feed["schema"], feed["table"])
        keys = [key.strip() for key in entities()[entity].key.split(",")]
        with self.connection.cursor() as cursor:
            cursor.execute(
                "insert into ops.batch (source, stream, run_id, started_at, status)"
                " values (%s, %s, 'test', %s, 'landed') returning batch_id",
                [source, feed["table"], LANDED_AT],
            )
            (batch,) = cursor.fetchone() or (0,)
            cursor.execute("select ops.follow(%s::regclass, %s)", [f"{feed['schema']}.{feed['table']}", batch])
            for row in rows:
                if not distinct:
                    match = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(key)) for key in keys)
                    cursor.execute(
                        sql.SQL("delete from {} where {}").format(table, match), [row[names.index(key)] for key in keys]
                    )
                cursor.execute(
                    sql.SQL("insert into {} ({}, _loaded_at, _batch_id, _row_hash) values ({})").format(
                        table,
                        sql.SQL(", ").join(map(sql.Identifier, names)),
                        sql.SQL(", ").join([sql.Placeholder()] * (len(names) + 3)),
                    ),
                    [*row, LANDED_AT, batch, hashlib.md5(repr(row).encode()).digest()],
                )

    def remove(self, source: str, entity: str, condition: str) -> None:
        """Remove landed rows, as a snapshot does with those that its source no longer has."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"delete from raw_{source}.{entity}_rows where {condition}")

    def build(self, *as_of_dates: str, tests: bool = False, **options: Any) -> list[dbt.NodeResult]:
        """Build for these dates; the models' own tests, two thirds of a build's time, only where they matter."""
        return dbt.build(
            self.settings,
            mappings=self.mappings,
            sources_yaml=self.sources_yaml(),
            as_of_dates=[date.fromisoformat(day) for day in as_of_dates],
            churn=options.pop("churn", CHURN),
            tests=tests,
            **options,
        )

    def link(self) -> LinkReport:
        """Build what the comparison of accounts reads, and compare them."""
        self.build(select="staging")
        return link_accounts(self.settings, Identity(), now=LANDED_AT)

    def sources_yaml(self) -> dict[str, Any]:
        """Return the generated dbt sources, as forewarn.sources would give them."""
        tables: dict[str, set[str]] = {}
        for feeds in self.mappings.values():
            for feed in feeds:
                tables.setdefault(feed["source"], set()).add(feed["table"])
        return {
            "version": 2,
            "sources": [
                {"name": source, "schema": f"raw_{source}", "tables": [{"name": name} for name in sorted(names)]}
                for source, names in sorted(tables.items())
            ],
        }

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return the rows of a query, each as a dict."""
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            assert cursor.description is not None
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def features(self, account_id: str, as_of_date: str) -> dict[str, Any]:
        """Return the one row of features of an account's customer."""
        (row,) = self.rows(
            "select features.* from marts.churn_features as features"
            " join (select distinct customer_id from marts.customer_crosswalk where account_id = %s) as crosswalk"
            " using (customer_id) where as_of_date = %s",
            account_id,
            as_of_date,
        )
        return row

    def label(self, account_id: str, as_of_date: str, definition: str = "non_contractual") -> dict[str, Any]:
        """Return the one label of an account's customer."""
        (row,) = self.rows(
            "select labels.* from marts.churn_labels as labels"
            " join (select distinct customer_id from marts.customer_crosswalk where account_id = %s) as crosswalk"
            " using (customer_id) where as_of_date = %s and definition = %s",
            account_id,
            as_of_date,
            definition,
        )
        return row

    def customer(self, account_id: str) -> str:
        """Return the customer_id of an account."""
        (row,) = self.rows(
            "select distinct customer_id from marts.customer_crosswalk where account_id = %s", account_id
        )
        return str(row["customer_id"])

    def digest(self, relation: str, where: str = "true") -> str:
        """Return a hash over every row, whatever their order."""
        query = f"select md5(string_agg(t::text, '|' order by t::text)) as digest from {relation} as t where {where}"
        (row,) = self.rows(query)
        return str(row["digest"])

    def _feed(
        self,
        source: str,
        entity: str,
        names: list[str],
        *,
        account_source: str | None,
        distinct: bool,
        where: str | None,
    ) -> dict[str, Any]:
        feeds = self.mappings.setdefault(entity, [])
        for feed in feeds:
            if feed["source"] == source:
                return feed
        spec = entities()[entity]
        table = f"{entity}_rows"
        with self.connection.cursor() as cursor:
            cursor.execute(f"create schema if not exists raw_{source}")
            columns = ", ".join(f'"{name}" {column.type}' for name, column in spec.columns.items())
            cursor.execute(
                f"create table raw_{source}.{table}"
                f" ({columns}, _loaded_at timestamptz not null, _batch_id bigint not null, _row_hash bytea not null)"
            )
        feeds.append(
            {
                "source": source,
                "schema": f"raw_{source}",
                "table": table,
                "account_source": account_source or source,
                "where": where,
                "distinct": distinct,
                "columns": {name: f'cast("{name}" as {spec.columns[name].type})' for name in names},
            }
        )
        return feeds[-1]


class Companies:
    """Companies on one server, each in a warehouse of its own until it is closed.

    Names come again, each with its home: for a database of another name dbt would parse the project anew.
    """

    def __init__(self, postgres: EmbeddedServer, template: str, homes: Path) -> None:
        self._postgres, self._template, self._homes = postgres, template, homes
        self._open: dict[str, Company] = {}

    def new(self) -> Company:
        """Return a company of which nothing has landed."""
        return self._make(self._template)

    def copy(self, original: Company) -> Company:
        """Return the same company in a copied database, and end the session of the original."""
        original.connection.close()
        twin = self._make(_database(original))
        twin.mappings = copy.deepcopy(original.mappings)
        return twin

    def close(self, company: Company) -> None:
        """End a company and drop its warehouse."""
        company.connection.close()
        self._postgres.drop_database(_database(company))
        del self._open[_database(company)]

    def _make(self, template: str) -> Company:
        name = next(name for number in itertools.count() if (name := f"company_{number}") not in self._open)
        self._open[name] = Company(self._postgres.ensure_database(name, template=template), self._homes / name)
        return self._open[name]


def _database(company: Company) -> str:
    return str(make_url(company.settings.warehouse_url).database)
