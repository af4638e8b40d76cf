"""Marts filled by hand in a database of the test's own."""

from collections.abc import Iterator

import pytest
from alerting_warehouse import AlertingWarehouse, installed, simulated_project

from forewarn.config.project import Project
from forewarn.config.settings import Settings


@pytest.fixture
def marts(settings: Settings) -> Iterator[AlertingWarehouse]:
    """The tables that alerts read and write."""
    warehouse = installed(settings)
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def project(settings: Settings) -> Project:
    """The simulated company."""
    return simulated_project(settings.config)
