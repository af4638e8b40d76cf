"""`connections.yml` in an installation's home: the address of each connection, readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from ruamel.yaml import YAML

FILE = "connections.yml"


def known_connections(home: Path) -> dict[str, str]:
    """Return the connections that the file names."""
    file = home / FILE
    if not file.is_file():
        return {}
    found = YAML(typ="safe").load(file.read_text(encoding="utf-8")) or {}
    return {str(name): str(url) for name, url in found.items()}


def name_connection(home: Path, name: str, url: str) -> None:
    """Set one connection's URL and keep the others."""
    lines = [f"{key}: {_quoted(value)}\n" for key, value in sorted((known_connections(home) | {name: url}).items())]
    home.mkdir(parents=True, exist_ok=True)
    write_secret(home / FILE, "".join(lines))


def write_secret(file: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    unfinished = file.with_name(file.name + ".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    unfinished.replace(file)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
