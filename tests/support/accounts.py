"""Accounts in staging without dbt: what the comparison of accounts reads, and what it then says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg2
from psycopg2.extras import execute_values

from forewarn.config.identity import Identity
from forewarn.config.settings import Settings
from forewarn.identity import LinkReport, link_accounts
from forewarn.warehouse.engine import dsn

NOW = datetime(2025, 1, 1, tzinfo=UTC)
COLUMNS = (
    *("source", "account_id", "name", "email", "email_domain", "phone", "tax_id"),
    *("country", "city", "street", "postcode"),
)
STAGING = f"""
create table staging.stg_accounts ({", ".join(f"{name} text" for name in COLUMNS)}, primary key (source, account_id));
create table staging.stg_contacts (account_source text, account_id text, email text, phone text);
create table staging.stg_account_evidence (source text, account_id text, evidence text);
"""


class Accounts:
    """A warehouse that has nothing but accounts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.connection = psycopg2.connect(dsn(settings.warehouse_url))
        self.connection.autocommit = True
        self._execute(STAGING)

    def add(self, source: str, account_id: str, **values: str) -> None:
        """Add an account, or change what its source says of it."""
        self._execute("delete from staging.stg_accounts where (source, account_id) = (%s, %s)", [source, account_id])
        self.add_all([(source, account_id, *(values.get(name) for name in COLUMNS[2:]))])

    def add_all(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Add many accounts, each as the values of COLUMNS."""
        with self.connection.cursor() as cursor:
            execute_values(cursor, "insert into staging.stg_accounts values %s", rows, page_size=5000)

    def contact(self, source: str, account_id: str, *, email: str | None = None, phone: str | None = None) -> None:
        """Add a contact of an account."""
        self._execute("insert into staging.stg_contacts values (%s, %s, %s, %s)", [source, account_id, email, phone])

    def tie(self, evidence: str, *accounts: str) -> None:
        """Make accounts, written `source:number`, one customer for certain."""
        for account in accounts:
            self._execute(
                "insert into staging.stg_account_evidence values (%s, %s, %s)", [*account.split(":"), evidence]
            )

    def remove(self, source: str, account_id: str) -> None:
        """Let a source forget an account."""
        self._execute("delete from staging.stg_accounts where (source, account_id) = (%s, %s)", [source, account_id])

    def link(self, *, full: bool = False, keep: bool = True, **identity: Any) -> LinkReport:
        """Compare."""
        return link_accounts(self.settings, Identity(**identity), now=NOW, full=full, keep=keep)

    def links(self) -> dict[tuple[str, str], tuple[str, float]]:
        """Return what becomes of each pair, and its probability, by both accounts as `source:number`."""
        rows = self.rows(
            "select source || ':' || account_id, other_source || ':' || other_account_id, state, probability"
            " from identity.link order by 1, 2"
        )
        return {(one, other): (state, probability) for one, other, state, probability in rows}

    def linked(self) -> set[tuple[str, str]]:
        """Return the pairs that hold."""
        return {pair for pair, (state, _) in self.links().items() if state == "linked"}

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def _execute(self, statement: str, values: Sequence[object] = ()) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, list(values))
