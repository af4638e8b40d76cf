"""The secret of the simulated help desk; the addresses of all systems are in `connections.yml` of the home."""

from __future__ import annotations

import secrets
from pathlib import Path

from forewarn.config.connections import write_secret

TOKEN = Path("help_desk") / "token"


def help_desk_token(home: Path) -> str:
    """Return the help desk's bearer token, made up on first use."""
    file = home / TOKEN
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_secret(file, secrets.token_urlsafe(24))
    return file.read_text(encoding="utf-8")
