"""`forewarn dispatch`: send what waits in the outbox, now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from forewarn.cli.installation import current_settings


def dispatch(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be sent, and send nothing.")] = False,
) -> None:
    """Send the messages that are due."""
    from forewarn import stages

    now = datetime.now(UTC)
    summary = stages.dispatch(current_settings(), stages.Run(now.date(), "cli", now), dry_run=dry_run)
    typer.echo(
        ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in summary.items() if count) or "nothing due"
    )
