"""What faults of alerting start from: tables that alerts read and write, a channel, and a mail server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alerting_warehouse import marts, simulated_project
from mail_receiver import Receiver

from forewarn.config.project import Project
from forewarn.config.settings import Settings

__all__ = ["marts"]


@pytest.fixture
def by_file(settings: Settings) -> Project:
    return simulated_project(settings.config, channels=["file"])


@pytest.fixture
def by_mail(settings: Settings) -> Project:
    return simulated_project(settings.config, channels=["email"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server
