"""A process that dies at a chosen step: before a statement, before or after a commit, before a file appears.

The connection is closed first, so that the database sees what it would see of a killed client, and nothing that runs
afterwards in this process can reach it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import extensions

from forewarn.warehouse.engine import dsn


class Killed(BaseException):
    """Not an Exception: nothing that handles errors may survive it."""


class Steps:
    """Counts steps, and dies at one of them."""

    def __init__(self, last: int | None) -> None:
        self.taken, self.last, self.dead = 0, last, False

    def step(self, connection: extensions.connection | None = None) -> None:
        """Take one step; every one after death dies as well."""
        self.taken += 1
        if self.dead or self.taken == self.last:
            self.dead = True
            if connection is not None:
                connection.close()
            raise Killed(f"at step {self.taken}")


@contextmanager
def killed_at(last: int | None, *, commits_alone: bool = False) -> Iterator[Steps]:
    """Die at the given step of what runs within the block; with None only count the steps.

    `commits_alone` counts the moments before and after each commit, and nothing else.
    """
    steps = Steps(last)
    connect, rename, fsync = psycopg2.connect, Path.rename, os.fsync

    class KillingCursor(extensions.cursor):
        def execute(self, query: Any, variables: Any = None) -> None:
            if not commits_alone:
                steps.step(self.connection)
            super().execute(query, variables)

    class KillingConnection(extensions.connection):
        def cursor(self, *arguments: Any, **named: Any) -> Any:
            return super().cursor(*arguments, **({"cursor_factory": KillingCursor} | named))

        def commit(self) -> None:
            steps.step(self)
            super().commit()
            steps.step(self)

    def killing_connect(*arguments: Any, **named: Any) -> Any:
        return connect(*arguments, **({"connection_factory": KillingConnection} | named))

    def killing_rename(file: Path, target: Path) -> Path:
        steps.step()
        renamed = rename(file, target)
        steps.step()
        return renamed

    def killing_fsync(descriptor: int) -> None:
        steps.step()
        fsync(descriptor)

    psycopg2.connect, Path.rename, os.fsync = killing_connect, killing_rename, killing_fsync  # type: ignore[method-assign,assignment]
    try:
        yield steps
    finally:
        psycopg2.connect, Path.rename, os.fsync = connect, rename, fsync  # type: ignore[method-assign]


def reconnected(url: str) -> extensions.connection:
    """Connect in autocommit mode, as soon as a server that was killed serves again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            connection = psycopg2.connect(dsn(url))
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            return connection
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, "the server did not recover"
            time.sleep(0.1)
