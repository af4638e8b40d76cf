"""`forewarn backfill`: as-of dates that are missing from the history."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from forewarn.cli.installation import current_settings


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The earliest as-of date.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The latest, before the newest run's.")],
    every: Annotated[int, typer.Option(min=1, help="Days from one date to the next.")] = 1,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Replace dates that exist as well.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what is missing, and build nothing.")] = False,
) -> None:
    """Build missing as-of dates: features, labels and scores, published as history. Never alerts."""
    from forewarn.backfill import backfill as days
    from forewarn.cli.board import Board
    from forewarn.cli.screen import screen
    from forewarn.stages import Run

    settings, now = current_settings(), datetime.now(UTC)
    run = Run(last.date(), f"backfill__{now:%Y-%m-%dT%H:%M:%S}__{uuid.uuid4().hex[:6]}", now, live=False)
    span: Any = {"first": first.date(), "last": last.date(), "every": every}
    if dry_run:
        for summary in days(settings, run, **span, rebuild=rebuild, dry_run=True):
            what = "build, score and publish" if summary.get("missing") else "score and publish"
            typer.echo(f"{summary['as_of_date']}: {summary.get('skipped') or f'would {what}'}")
        return
    total = (last.date() - first.date()).days // every + 1
    with Board(screen()) as board:
        board.begin("backfill", total)
        try:
            for done, summary in enumerate(days(settings, run, **span, rebuild=rebuild), start=1):
                board.add({name: value for name, value in summary.items() if name != "skipped"})
                board.move(str(summary["as_of_date"]), done=done)
        except BaseException:
            board.fail()
            raise
        board.end()
