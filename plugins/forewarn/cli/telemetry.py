"""`forewarn telemetry`: figures about the platform itself, for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from forewarn.cli.installation import current_settings


def telemetry(
    file: Annotated[
        Path | None, typer.Option(help="Write to this file, for node_exporter's textfile collector.")
    ] = None,
) -> None:
    """Print counts and ages of streams, gates, cases and messages in Prometheus' text format."""
    from forewarn.alerts.whole_file import write_whole
    from forewarn.telemetry import exposition
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url, application="forewarn telemetry") as connection:
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            text = exposition(cursor, now=datetime.now(UTC))
    if file is None:
        typer.echo(text, nl=False)
    else:
        write_whole(file, text.encode())
