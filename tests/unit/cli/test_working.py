"""Long work moves a bar on a terminal, and prints nothing where there is none."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from forewarn.cli.working import working


def shown(*, terminal: bool, fails: bool = False) -> str:
    stream = io.StringIO()
    with working("training", Console(file=stream, force_terminal=terminal, width=120)) as progress:
        progress("test of 2026-01-01", 1, 6)
        # The bar is drawn by a thread of its own, ten times a second.
        give_up = time.monotonic() + 10
        while terminal and "test of 2026-01-01" not in stream.getvalue() and time.monotonic() < give_up:
            time.sleep(0.05)
        if fails:
            raise ValueError("no history")
    return stream.getvalue()


def test_a_terminal_shows_a_bar_and_how_long_it_took() -> None:
    text = shown(terminal=True)
    assert "test of 2026-01-01" in text
    assert "━" in text
    assert "✓" in text


def test_elsewhere_nothing_is_printed() -> None:
    assert shown(terminal=False) == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_an_error_goes_on_to_whoever_prints_it(terminal: bool) -> None:
    with pytest.raises(ValueError, match="no history"):
        shown(terminal=terminal, fails=True)
