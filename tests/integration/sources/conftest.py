"""A company's source systems, written by the tests: a database, a folder of files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from forewarn.sources import Batch, Source, extract_stream
from forewarn.sources.loader import load_source
from forewarn.warehouse.engine import dsn

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def write_source(tmp_path: Path) -> Callable[[str, str], Source]:
    """Write `config/sources/NAME.yml` and load it."""

    def write(name: str, text: str) -> Source:
        folder = tmp_path / "sources"
        folder.mkdir(exist_ok=True)
        file = folder / f"{name}.yml"
        file.write_text(text, encoding="utf-8")
        return load_source(file, known=["crm", "erp"])

    return write


@pytest.fixture
def erp(database_url: str):
    """An autocommit connection to an empty source database; its URL is `erp.url`."""
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture
def land(settings: Any, database_url: str, tmp_path: Path) -> Callable[..., Batch]:
    """Extract one stream; the connection `erp` is the database, `drops` the folder `drops`."""
    drops = tmp_path / "drops"
    drops.mkdir(exist_ok=True)
    urls = {"erp": database_url, "drops": drops.as_uri()}

    def run(source: Source, stream: str, *, now: datetime = NOW, **more: str) -> Batch:
        known = urls | more
        return extract_stream(settings, source, stream, run_id="run", now=now, resolve=lambda name, _: known[name])

    return run


@pytest.fixture
def drops(tmp_path: Path) -> Path:
    """The folder of file drops."""
    folder = tmp_path / "drops"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def rows(warehouse: Any) -> Callable[..., list[tuple[Any, ...]]]:
    """Run a query in the warehouse."""

    def run(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with warehouse.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    return run
