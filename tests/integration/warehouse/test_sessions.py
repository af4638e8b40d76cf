"""dbt's sessions: kept from node to node, cleared in between, and not used again when they broke."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from dbt.adapters.postgres.connections import PostgresCredentials
from sqlalchemy import make_url

from forewarn.warehouse.dbt_sessions import KeptSessions


@pytest.fixture
def sessions(database_url: str) -> Iterator[Any]:
    """What opens dbt's connections to an empty database."""
    url = make_url(database_url)
    port: Any = url.port
    credentials = PostgresCredentials(
        database=str(url.database),
        schema="public",
        host=str(url.host),
        user=str(url.username),
        port=port,
        password=str(url.password),
        search_path="public",
    )
    profile: Any = SimpleNamespace(credentials=credentials)
    kept = KeptSessions(profile, multiprocessing.get_context("spawn"))  # type: ignore[no-untyped-call]
    yield kept
    kept.cleanup_all()


def ask(sessions: KeptSessions, node: str, query: str) -> Any:
    """Run one query as a node of dbt would; returns its first value."""
    cursor = sessions.set_connection_name(node).handle.cursor()
    cursor.execute(query)
    return cursor.fetchone()[0] if cursor.description else None


def test_the_next_node_has_the_same_session_and_nothing_that_the_last_left_in_it(sessions: KeptSessions) -> None:
    session = ask(sessions, "one", "select pg_backend_pid()")
    ask(sessions, "one", "create table never_committed (n int)")
    ask(sessions, "one", "create temporary table left_over (n int)")
    ask(sessions, "one", "set work_mem = '7MB'")
    sessions.release()

    assert ask(sessions, "two", "select pg_backend_pid()") == session
    assert ask(sessions, "two", "select to_regclass('left_over')") is None
    assert ask(sessions, "two", "select to_regclass('never_committed')") is None
    assert ask(sessions, "two", "show work_mem") != "7MB"
    assert ask(sessions, "two", "show search_path") == "public"


def test_a_session_that_broke_is_not_used_again(sessions: KeptSessions, database_url: str) -> None:
    broken = ask(sessions, "one", "select pg_backend_pid()")
    with psycopg2.connect(database_url.replace("+psycopg2", "")) as other, other.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s, 5000)", [broken])
    other.close()
    with pytest.raises(psycopg2.OperationalError, match="terminat"):
        ask(sessions, "one", "select 1")
    sessions.release()

    assert ask(sessions, "two", "select pg_backend_pid()") != broken
