"""`forewarn migrate` and `forewarn dbt`."""

from __future__ import annotations

import typer

from forewarn.cli.installation import current_settings


def migrate() -> None:
    """Bring the warehouse's own tables to the newest version."""
    from forewarn.warehouse.migrate import migrate as apply
    from forewarn.warehouse.migrate import versions

    settings = current_settings()
    apply(settings.warehouse_url)
    typer.echo(f"The warehouse is at version {versions(settings.warehouse_url)[0]}.")
