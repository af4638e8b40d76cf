"""Shared fixtures: one embedded PostgreSQL per worker, one fresh database per test."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from tests.integration.warehouse.company import Companies

from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate

PROJECT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT.parent / "shared" / "data"
_numbers = itertools.count()

os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="module", autouse=True)
def frozen() -> None:
    """Keep what earlier files left from being looked through by each collection of garbage: dbt sets off many."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """A server of this worker's own, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fw-"))
    server = EmbeddedServer(folder / "pg", durable=False)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(postgres: EmbeddedServer) -> str:
    """Name of a migrated database to copy from."""
    migrate(postgres.ensure_database("template_forewarn"))
    return "template_forewarn"


@pytest.fixture(scope="session")
def companies(postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Companies:
    """Makes small companies."""
    return Companies(postgres, template, tmp_path_factory.mktemp("companies"))


@pytest.fixture
def database_url(postgres: EmbeddedServer) -> Iterator[str]:
    """URL of an empty database."""
    name = f"empty_{next(_numbers)}"
    yield postgres.ensure_database(name)
    postgres.drop_database(name)


@pytest.fixture
def warehouse_url(postgres: EmbeddedServer, template: str) -> Iterator[str]:
    """URL of a migrated, empty warehouse."""
    name = f"warehouse_{next(_numbers)}"
    yield postgres.ensure_database(name, template=template)
    postgres.drop_database(name)


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[psycopg2.extensions.connection]:
    """An autocommit connection to a migrated, empty warehouse."""
    connection = psycopg2.connect(dsn(warehouse_url))
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture
def settings(tmp_path: Path, warehouse_url: str) -> Settings:
    """An installation of its own: the project's files, an empty warehouse, a temporary home."""
    return Settings(
        project=PROJECT,
        config=PROJECT / "config",
        home=tmp_path / "home",
        warehouse_url=warehouse_url,
        mlflow_url=f"sqlite:///{tmp_path / 'mlflow.db'}",
    )
