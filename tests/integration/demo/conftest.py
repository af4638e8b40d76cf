from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forewarn.demo import Company, seed
from forewarn.warehouse.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def company(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Three hundred customers at the end of June 2026."""
    home: Path = tmp_path_factory.mktemp("company") / "home"
    return seed(home, postgres, customers=300, last_day=date(2026, 6, 30))
