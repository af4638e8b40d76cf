"""Marts filled by hand in a database of the test's own."""

import pytest
from alerting_warehouse import marts, simulated_project

from forewarn.config.project import Project
from forewarn.config.settings import Settings

__all__ = ["marts"]


@pytest.fixture
def project(settings: Settings) -> Project:
    """The simulated company."""
    return simulated_project(settings.config)
