"""`forewarn backup` and `forewarn restore`."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun

Folder = Annotated[Path, typer.Argument(help="The folder of the copy.")]


def backup(folder: Folder, dry_run: DryRun = False) -> None:
    """Copy warehouse, models and configuration into an empty folder; runs may go on meanwhile."""
    from forewarn.warehouse.backup import back_up

    if dry_run:
        typer.echo(
            f"would copy the warehouse, MLflow's store and artefacts and {current_settings().config} to {folder}"
        )
        return
    tables = back_up(current_settings(), folder, now=datetime.now(UTC))
    typer.echo(f"{len(tables)} tables in {folder}; `forewarn restore {folder}` brings them back")


def restore(folder: Folder, dry_run: DryRun = False) -> None:
    """Bring a copy back into a warehouse without data; nothing is sent until `forewarn alerts resume`."""
    from forewarn.alerts.pause import pause
    from forewarn.warehouse.backup import restore as bring_back
    from forewarn.warehouse.engine import connect
    from forewarn.warehouse.migrate import migrate

    settings, now = current_settings(), datetime.now(UTC)
    if dry_run:
        typer.echo(f"would bring {folder} back into the warehouse, if that has no data")
        return
    tables = bring_back(settings, folder)
    migrate(settings.warehouse_url)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        pause(cursor, reason=f"restored from {folder.name}", by=getpass.getuser(), now=now)
        connection.commit()
    typer.echo(
        f"{len(tables)} tables are as they were. Nothing is sent: what waits may have gone out since the copy."
        " Next: `forewarn alerts resume --why …`, with --drop where it has. Erasures since the copy: repeat them."
    )
