"""Pages as pictures, for whoever wants to look: `FOREWARN_PICTURES=folder pytest tests/e2e/test_workbench.py`."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page


def keep(page: Page, name: str) -> None:
    """Save the whole page, where a folder for pictures is named."""
    if folder := os.environ.get("FOREWARN_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
