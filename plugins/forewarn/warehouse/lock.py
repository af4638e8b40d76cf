"""Named locks of the warehouse, held by a session: whoever comes second waits, and a lost connection lets go.

Conflicts that no lock prevents are tried again, and not for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg2 import OperationalError
from psycopg2.extensions import connection, cursor

BUILD = "forewarn.build"
# A deadlock or a serialization error costs one attempt.
ATTEMPTS = 3


@contextmanager
def alone(session: connection, name: str) -> Iterator[None]:
    """Hold a lock; the session must be in autocommit mode, so that no snapshot is older than the lock."""
    with session.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext(%s))", [name])
    try:
        yield
    finally:
        # A session that was lost has let go already; what ended it is the error to tell of.
        if not session.closed:
            with suppress(OperationalError), session.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(hashtext(%s))", [name])


def is_held(at: cursor, name: str) -> bool:
    """Tell whether another session holds a lock alone at this moment; nothing is held by asking."""
    at.execute("select pg_try_advisory_xact_lock_shared(hashtext(%s))", [name])
    free = bool((at.fetchone() or [False])[0])
    at.connection.rollback()
    return not free
