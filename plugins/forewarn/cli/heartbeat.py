"""`forewarn heartbeat`: tell operations when nothing ran; for cron, outside Airflow."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun


def heartbeat(dry_run: DryRun = False) -> None:
    """Check that a day was published in time, and tell operations where none was; exit code 1 then."""
    from forewarn import stages

    settings, now = current_settings(), datetime.now(UTC)
    run = stages.Run(now.date(), "heartbeat", now)
    silent = stages.heartbeat(settings, run, dry_run=dry_run)["silent"]
    if not dry_run:
        stages.dispatch(settings, run)
    typer.echo(silent or "alive")
    if silent:
        raise typer.Exit(1)
