"""`forewarn migrate`, `forewarn dbt` and `forewarn docs`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from forewarn.cli.installation import current_settings


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing, and apply nothing.")] = False,
) -> None:
    """Bring the warehouse's own tables to the newest version."""
    from forewarn.warehouse.migrate import migrate as apply
    from forewarn.warehouse.migrate import versions

    settings = current_settings()
    if dry_run:
        here, newest = versions(settings.warehouse_url)
        current = here == newest
        typer.echo(
            f"The warehouse is at {here or 'no version'}; " + ("current" if current else f"would go to {newest}")
        )
        return
    apply(settings.warehouse_url)
    typer.echo(f"The warehouse is at version {versions(settings.warehouse_url)[0]}.")


def dbt(context: typer.Context) -> None:
    """Run dbt as the daily run does, for instance `forewarn dbt -- test --select marts`."""
    from forewarn import stages

    if not context.args:
        raise typer.BadParameter("name a command of dbt, for instance `forewarn dbt -- test --select marts`")
    settings = current_settings()
    day = stages.own_day(settings) or datetime.now(UTC).date()
    for line in stages.dbt_command(settings, day, context.args):
        typer.echo(line)


def docs(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say where the page would be, and write nothing.")] = False,
) -> None:
    """Write the warehouse's documentation (dbt docs) as one page into the data docs, without a server."""
    from forewarn import stages
    from forewarn.quality import WAREHOUSE_PAGE

    settings = current_settings()
    if dry_run:
        typer.echo(f"would write {settings.data_docs / WAREHOUSE_PAGE}")
        return
    day = stages.own_day(settings) or datetime.now(UTC).date()
    typer.echo(f"Wrote {stages.warehouse_docs(settings, day)}.")
