"""What was agreed upon, as files; `UPDATE_GOLDEN=1 pytest tests/unit/alerts` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "unit" / "alerts" / "golden"


def hold(name: str, content: str) -> None:
    """Compare a text with the one that was agreed upon."""
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(content, encoding="utf-8")
    assert content == file.read_text(encoding="utf-8")
