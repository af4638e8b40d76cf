"""Small files under `home` that only their owner may read: passwords, keys, addresses with a password in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_private(file: Path, content: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(content)
    fresh.replace(file)


def once(file: Path, make: Callable[[], str]) -> str:
    """Return the file's content, made on first use and kept from then on."""
    if not file.is_file():
        write_private(file, make())
    return file.read_text(encoding="utf-8").strip()
