"""The warehouse as the workbench reaches it: by links as the role `web`, for a person who has logged in as `desk`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

from psycopg2 import extensions
from sqlalchemy import Engine, create_engine

from forewarn.workbench.refusals import Refused

Role = Literal["manager", "lead", "operations", "admin"]


@dataclass(frozen=True)
class Viewer:
    """Who has logged in; `email` is what answers are signed with."""

    account_id: int
    email: str
    name: str
    role: Role
    locale: str


class Pool:
    """Connections of a login of the role `web`, each lent for one transaction."""

    def __init__(self, warehouse_url: str) -> None:
        self._engine: Engine = create_engine(
            warehouse_url,
            pool_size=5,
            max_overflow=15,
            pool_pre_ping=True,
            connect_args={"application_name": "forewarn workbench", "options": "-c statement_timeout=10000"},
        )

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[extensions.cursor]:
        """Lend a transaction; a reading one is so for the database as well."""
        connection = self._engine.raw_connection()
        try:
            cursor = cast(extensions.cursor, connection.cursor())
            if reading:
                cursor.execute("set transaction read only")
            yield cursor
            connection.commit()
        finally:
            # What was not committed is rolled back when the connection goes back to the pool.
            connection.close()

    @contextmanager
    def viewing(self, secret: str, *, reading: bool = True) -> Iterator[tuple[extensions.cursor, Viewer]]:
        """Lend a transaction in which the database shows what the person of a session may see (decision 0040).

        Raises
        ------
        Refused
            The secret is of no session that holds.
        """
        with self.transaction(reading=reading) as cursor:
            look_as(cursor, secret)
            cursor.execute("select account_id, email, name, role, locale from workbench.viewer()")
            row = cursor.fetchone()
            if row is None:
                raise Refused("login")
            yield cursor, Viewer(*row)

    def alive(self) -> None:
        """Ask the database for a sign of life."""
        with self.transaction(reading=True) as cursor:
            cursor.execute("select 1")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def look_as(cursor: extensions.cursor, secret: str) -> None:
    """Let the transaction see what the person of a session sees; a secret of none sees nothing."""
    cursor.execute("select set_config('role', 'desk', true), set_config('forewarn.session', %s, true)", [secret])
