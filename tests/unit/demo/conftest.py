from __future__ import annotations

from datetime import date

import pytest

from forewarn.demo.generate import History, draw_history
from forewarn.demo.world import World


@pytest.fixture(scope="session")
def world() -> World:
    """The default company."""
    return World.ending(date(2026, 6, 30), seed=7, customers=2_000, months=24)


@pytest.fixture(scope="session")
def history(world: World) -> History:
    """Everything that happens to those who join during the history."""
    return draw_history([block for block in world.blocks() if not block.future])
