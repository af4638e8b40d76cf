"""From the name of a connection to its URL; the only place that reads credentials."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from forewarn.config.connections import FILE, known_connections
from forewarn.config.settings import Settings
from forewarn.config.yaml import did_you_mean
from forewarn.errors import SourceRejected

Resolve = Callable[[str, Settings], str]


def resolve(name: str, settings: Settings) -> str:
    """Return the URL of a connection.

    `FOREWARN_CONN_<NAME>` wins, then the file named by `FOREWARN_CONN_<NAME>_FILE`, then `connections.yml` (name → URL)
    in the installation's home.

    Raises
    ------
    SourceRejected
        The connection is named nowhere.
    """
    variable = f"FOREWARN_CONN_{name.upper()}"
    if direct := os.environ.get(variable):
        return direct
    if secret := os.environ.get(f"{variable}_FILE"):
        return Path(secret).read_text(encoding="utf-8").strip()
    known = known_connections(settings.home)
    if url := known.get(name):
        return url
    near = f"; {did_you_mean(name, list(known))}" if known else ""
    raise SourceRejected(
        f"connection {name}",
        expected=f"a URL in {variable} or under `{name}:` in {settings.home / FILE}",
        got="neither",
        next_step=f"set {variable}{near}",
    )


def without_secrets(text: str, url: str) -> str:
    """Return a text with the user's secret parts of a URL masked, for messages and logs."""
    parts = urlsplit(url)
    secrets = [part for part in (parts.password, None if parts.password else parts.username) if part]
    if parts.scheme.startswith("http"):
        secrets += [value for value in re.findall(r"=([^&]*)", parts.query) if value]
    for secret in sorted({form for s in secrets for form in (s, unquote(s), quote(s, safe=""))}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
