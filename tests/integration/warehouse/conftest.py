"""A fresh small company; the parsed dbt project is kept between the tests of a worker."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.warehouse.company import Company

from forewarn.warehouse.embedded import EmbeddedServer

_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def no_artefacts() -> Iterator[None]:
    """Leave out dbt's JSON files, which nothing here reads but the metrics of KPIs: a tenth of a small build's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_WRITE_JSON", "false")
        yield


@pytest.fixture(scope="module")
def artefacts() -> Iterator[None]:
    """Let dbt write them: MetricFlow reads what it says of metrics."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_WRITE_JSON", "true")
        yield


@pytest.fixture(scope="module")
def new_company(
    postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Company]]:
    """Make companies, each in a warehouse of its own."""
    made: list[Company] = []
    home: Path = tmp_path_factory.mktemp("home")

    def make() -> Company:
        url = postgres.ensure_database(f"company_{next(_numbers)}", template=template)
        made.append(Company(url, home))
        return made[-1]

    yield make
    for company in made:
        company.close()


@pytest.fixture
def company(new_company: Callable[[], Company]) -> Company:
    """A company with nothing landed yet."""
    return new_company()
