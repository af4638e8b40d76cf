"""The end of an absence or a silence from a terminal: from the newest published day on it counts no more."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Literal

import typer

from forewarn.cli.installation import current_settings


def end_span(kind: Literal["absence", "silence"], number: int, why: str, *, dry_run: bool) -> None:
    """End it, and say so; with `dry_run` nothing is kept."""
    from forewarn.alerts.spans import end_today
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        changed = end_today(cursor, kind, number, by=getpass.getuser(), reason=why, now=datetime.now(UTC))
        if not dry_run:
            connection.commit()
    typer.echo(f"{kind} {number}: {'would be ' if dry_run else ''}ended" if changed else "nothing changed")
