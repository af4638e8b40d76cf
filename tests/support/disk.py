"""A disk that is full for one table: the kernel answers every write to its file as it does on a full disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2 import extensions

from forewarn.warehouse.embedded import EmbeddedServer


@contextmanager
def full_disk(connection: extensions.connection, server: EmbeddedServer, table: str) -> Iterator[None]:
    """Empty a table, and let nothing be written into it within the block; the connection is in autocommit mode."""
    with connection.cursor() as cursor:
        cursor.execute(f"truncate {table}")
        cursor.execute("checkpoint")
        cursor.execute("select pg_relation_filepath(%s)", [table])
        (path,) = cursor.fetchone() or ("",)
    file: Path = server.folder / path
    aside = file.with_name(f"{file.name}.aside")
    file.rename(aside)
    file.symlink_to("/dev/full")
    try:
        yield
    finally:
        file.unlink()
        aside.rename(file)
