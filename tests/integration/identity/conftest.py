from __future__ import annotations

from collections.abc import Iterator

import pytest
from accounts import Accounts

from forewarn.config.settings import Settings


@pytest.fixture
def accounts(settings: Settings) -> Iterator[Accounts]:
    """A warehouse with nothing but accounts."""
    warehouse = Accounts(settings)
    yield warehouse
    warehouse.connection.close()
