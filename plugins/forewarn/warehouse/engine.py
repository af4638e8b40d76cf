"""Connections to the warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import psycopg2
from psycopg2 import extensions
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.pool import NullPool


@lru_cache(maxsize=8)
def engine(url: str) -> Engine:
    """Return the engine of a URL; no pool, since tasks are short and forked workers must not share sockets."""
    return create_engine(url, poolclass=NullPool)


@contextmanager
def connect(url: str, *, application: str = "forewarn") -> Iterator[extensions.connection]:
    """Open a psycopg2 connection; the transaction is the caller's: nothing is committed here.

    An exception rolls back whatever the caller left uncommitted.
    """
    connection = psycopg2.connect(dsn(url), application_name=application)
    try:
        yield connection
    finally:
        connection.close()


def dsn(url: str) -> str:
    """Return the libpq connection string of a SQLAlchemy URL."""
    written = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    address, separator, query = written.partition("?")
    # libpq takes a plus sign at its word.
    return address + separator + query.replace("+", "%20")
