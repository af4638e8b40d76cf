"""Where the simulated source systems are reached: `connections.yml` in the home, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ruamel.yaml import YAML

TOKEN = Path("help_desk") / "token"


def name_connection(home: Path, name: str, url: str) -> None:
    """Set one connection's URL and keep the others."""
    file = home / "connections.yml"
    known: dict[str, str] = {}
    if file.is_file():
        known = dict(YAML(typ="safe").load(file.read_text(encoding="utf-8")) or {})
    lines = [f"{key}: {_quoted(value)}\n" for key, value in sorted((known | {name: url}).items())]
    _write_secret(file, "".join(lines))


def help_desk_token(home: Path) -> str:
    """Return the help desk's bearer token, made up on first use."""
    file = home / TOKEN
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_secret(file, secrets.token_urlsafe(24))
    return file.read_text(encoding="utf-8")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _write_secret(file: Path, text: str) -> None:
    unfinished = file.with_name(file.name + ".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    unfinished.replace(file)
