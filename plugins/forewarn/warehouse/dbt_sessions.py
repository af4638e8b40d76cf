"""One session of the warehouse for each of dbt's threads, for as long as a command of dbt runs.

dbt closes its connection after every node. A night has some two hundred and fifty, and a new backend of PostgreSQL
reads the catalogue anew before its first statement: at small sizes that was most of what a night cost the server.
"""

from __future__ import annotations

import psycopg2
from dbt.adapters.contracts.connection import ConnectionState
from dbt.adapters.postgres.connections import PostgresConnectionManager
from dbt.adapters.postgres.impl import PostgresAdapter
from psycopg2 import extensions


class KeptSessions(PostgresConnectionManager):
    """Clears a session where dbt would end it: no transaction, no temporary table and no setting is left in it."""

    def release(self) -> None:
        """Give back this thread's connection, for the next node."""
        connection = self.get_if_exists()
        if connection is None or connection.state != ConnectionState.OPEN:
            super().release()
            return
        if connection.handle.status == extensions.STATUS_READY:
            # Nothing was asked since it was cleared: dbt releases some connections twice.
            return
        try:
            connection.handle.rollback()
            connection.handle.autocommit = True
            with connection.handle.cursor() as cursor:
                cursor.execute("discard all")
            connection.handle.autocommit = False
        except psycopg2.Error:
            # What cannot be cleared is not used again.
            super().release()
        connection.transaction_open = False


def keep_sessions() -> None:
    """Let dbt in this process keep its sessions; they end with each command."""
    PostgresAdapter.ConnectionManager = KeptSessions
