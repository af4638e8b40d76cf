"""A fresh small company."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.integration.warehouse.company import Companies, Company


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
def new_company(companies: Companies) -> Iterator[Callable[[], Company]]:
    """Make companies that are there until the file's last test has run."""
    made: list[Company] = []

    def make() -> Company:
        made.append(companies.new())
        return made[-1]

    yield make
    for company in made:
        companies.close(company)


@pytest.fixture
def company(companies: Companies) -> Iterator[Company]:
    """A company with nothing landed yet."""
    company = companies.new()
    yield company
    companies.close(company)
