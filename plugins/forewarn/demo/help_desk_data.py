"""What the help desk has on disk: a SQLite file with its organisations, tickets and their steps as they are now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

RESOURCES = {
    "organisations": ("id", "name", "domain", "external_id", "created_at", "updated_at"),
    "tickets": (
        "id",
        "organisation_id",
        "type",
        "priority",
        "subject",
        "status",
        "created_at",
        "solved_at",
        "satisfaction",
        "updated_at",
    ),
    "status_changes": ("id", "ticket_id", "status", "changed_at", "updated_at"),
}


class HelpDeskData:
    """The file `help_desk/help_desk.sqlite` under a home."""

    def __init__(self, home: Path) -> None:
        self.path = home / "help_desk" / "help_desk.sqlite"

    def create(self) -> None:
        """Begin with an empty file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        with self._connect() as connection:
            for name, columns in RESOURCES.items():
                rest = ", ".join(columns[1:])
                connection.execute(f"create table {name} (id text primary key, {rest}) without rowid")
                connection.execute(f"create index {name}_changed on {name} (updated_at, id)")

    def write(self, rows: dict[str, pa.Table]) -> None:
        """Write new rows, and new versions in place of old ones, in one transaction."""
        with self._connect() as connection:
            for name, columns in RESOURCES.items():
                if (table := rows.get(f"help_desk.{name}")) is not None:
                    marks = ", ".join("?" * len(columns))
                    connection.executemany(f"insert or replace into {name} values ({marks})", _tuples(table, columns))

    def page(self, name: str, *, since: str, after: tuple[str, str], limit: int) -> list[dict[str, Any]]:
        """Return up to `limit` rows of a resource changed at or after `since`, in order of change, past `after`."""
        columns = RESOURCES[name]
        with self._connect() as connection:
            rows = connection.execute(
                f"select {', '.join(columns)} from {name}"
                " where updated_at >= ? and (updated_at, id) > (?, ?) order by updated_at, id limit ?",
                (since, *after, limit),
            ).fetchall()
        return [dict(zip(columns, row, strict=True)) for row in rows]

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                yield connection
        finally:
            connection.close()


def _tuples(table: pa.Table, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    lists = []
    for name in columns:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
        lists.append(column.to_pylist())
    return zip(*lists, strict=True)
