"""The key that signs the links of an installation's messages, in its `connections.yml`: made once, and rotated."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from forewarn.alerts.answer_links import KEYS, keys_in
from forewarn.config.connections import known_connections, name_connection
from forewarn.errors import Permanent

# With that many rotations within the days for which links hold, the oldest of them end early.
KEPT = 4


def ensure_link_key(home: Path) -> None:
    """Make a key where the installation has none, neither in the environment nor in its own file."""
    if not _elsewhere() and KEYS not in known_connections(home):
        name_connection(home, KEYS, _key())


def rotate(home: Path, *, revoke: bool = False, dry_run: bool = False) -> int:
    """Put a new key before the others, or in their place; returns how many of the former are kept.

    Raises
    ------
    Permanent
        The keys come from the environment, which this cannot change.
    """
    if variable := _elsewhere():
        raise Permanent(
            f"connection `{KEYS}`",
            expected=f"keys in the connections.yml of {home}",
            got=f"{variable} in the environment",
            next_step="put a new key before the others there, and start what uses them again",
        )
    former = [] if revoke else keys_in(known_connections(home).get(KEYS, ""))[: KEPT - 1]
    if not dry_run:
        name_connection(home, KEYS, " ".join([_key(), *former]))
    return len(former)


def _elsewhere() -> str:
    names = (f"FOREWARN_CONN_{KEYS.upper()}", f"FOREWARN_CONN_{KEYS.upper()}_FILE")
    return next((name for name in names if os.environ.get(name)), "")


def _key() -> str:
    return secrets.token_urlsafe(32)
