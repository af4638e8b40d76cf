"""Named locks of the warehouse, held by a session: whoever comes second waits, and a lost connection lets go."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection

BUILD = "forewarn.build"


@contextmanager
def alone(session: connection, name: str) -> Iterator[None]:
    """Hold a lock; the session must be in autocommit mode, so that no snapshot is older than the lock."""
    with session.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext(%s))", [name])
    try:
        yield
    finally:
        if not session.closed:
            with session.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(hashtext(%s))", [name])
