"""Marts filled by hand in a database of the test's own."""

from collections.abc import Iterator

import pytest
from alerting_warehouse import marts, simulated_project
from mail_receiver import Receiver

from forewarn.config.project import Project
from forewarn.config.settings import Settings

__all__ = ["marts"]


@pytest.fixture
def project(settings: Settings) -> Project:
    """The simulated company."""
    return simulated_project(settings.config)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A mail server."""
    with Receiver() as server:
        yield server
