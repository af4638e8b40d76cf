"""`forewarn alerts`: what operations decide about messages: a day's that wait, and one that was given up."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from forewarn.cli.changing import change
from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun

app = typer.Typer(help="A day's messages as a whole, and single ones that were given up.", no_args_is_help=True)


@app.command()
def release(
    reason: Annotated[str, typer.Option(help="Why they may go; kept with who said so.")], dry_run: DryRun = False
) -> None:
    """Let the messages go that the circuit breaker keeps back, of the newest published day."""
    from forewarn import stages
    from forewarn.alerts import newest_stop
    from forewarn.alerts import release as let_go
    from forewarn.warehouse.engine import connect

    settings, now = current_settings(), datetime.now(UTC)
    with connect(settings.as_service("dispatcher").warehouse_url) as connection, connection.cursor() as cursor:
        kept = newest_stop(cursor)
        if dry_run:
            typer.echo(f"would release {kept.as_of_date}: {kept.reason}")
            return
        let_go(cursor, kept, by=getpass.getuser(), reason=reason, now=now)
        connection.commit()
    # Also where somebody released it before: the first one may have been killed in between.
    summary = stages.open_cases(settings, stages.Run(kept.as_of_date, kept.run_id, now))
    typer.echo(f"{kept.as_of_date} released: {summary['letters']} messages wait for the next dispatch")


@app.command("send-again")
def send_again(
    number: Annotated[int, typer.Argument(help="The alert's number, as the message to operations tells it.")],
    reason: Annotated[str, typer.Option(help="What was mended; kept with who said so.")],
    dry_run: DryRun = False,
) -> None:
    """Let a message go once more that was given up, or of which nobody knows whether it came."""
    from forewarn.alerts import send_again as let_go
    from forewarn.config.project import load_project
    from forewarn.warehouse.engine import connect

    settings, now = current_settings(), datetime.now(UTC)
    lives = timedelta(days=load_project(settings.config).alerts.expires_after_days)
    with connect(settings.as_service("dispatcher").warehouse_url) as connection, connection.cursor() as cursor:
        way = let_go(cursor, number, by=getpass.getuser(), reason=reason, now=now, lives=lives)
        if dry_run:
            connection.rollback()
            typer.echo(f"would send alert {number} again: {way}")
            return
        connection.commit()
    typer.echo(f"alert {number} waits for the next dispatch: {way}")


@app.command()
def pause(why: Annotated[str, typer.Option(help="Why; kept with who said so.")], dry_run: DryRun = False) -> None:
    """Send nothing until `forewarn alerts resume`; cases go on being opened."""
    from forewarn.alerts.pause import pause as stop

    by = getpass.getuser()
    change(lambda cursor, now: stop(cursor, reason=why, by=by, now=now), dry_run=dry_run, role="dispatcher")
    typer.echo("would send nothing" if dry_run else "Nothing is sent until `forewarn alerts resume`.")


@app.command()
def resume(
    why: Annotated[str, typer.Option(help="Why; kept with who said so.")],
    drop: Annotated[bool, typer.Option("--drop", help="Do not send what waits: it may have gone out already.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Send again after a pause or a restore."""
    from forewarn.alerts.pause import resume as go_on

    by = getpass.getuser()
    count = change(
        lambda cursor, now: go_on(cursor, reason=why, by=by, now=now, drop=drop), dry_run=dry_run, role="dispatcher"
    )
    what = "dropped" if drop else "waiting for the next dispatch"
    typer.echo(f"{'would go on' if dry_run else 'Goes on'}: {count} messages {what}")
