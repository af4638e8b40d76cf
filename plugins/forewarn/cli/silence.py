"""`forewarn silence`: signals of which nobody is told for a time."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from forewarn.cli.ending import end_span
from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun
from forewarn.cli.screen import screen

app = typer.Typer(
    help="Silences: signals that have cases, and of which nobody is told for a time.", no_args_is_help=True
)
FROM = typer.Option("--from", formats=["%Y-%m-%d"], help="The first day; by default the newest published.")


@app.command()
def add(
    *,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day after it.")],
    why: Annotated[str, typer.Option(help="Why; kept with it, and said on each case.")],
    customer: Annotated[str | None, typer.Option(help="Only of this customer.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only of this rule, or definition of churn.")] = None,
    route: Annotated[str | None, typer.Option(help="Only for this route.")] = None,
    where: Annotated[str | None, typer.Option(help="Only where this holds, such as \"region = 'north'\".")] = None,
    from_: Annotated[datetime | None, FROM] = None,
    dry_run: DryRun = False,
) -> None:
    """Tell nobody of signals that fit everything that is given; those that still stand after it are told then."""
    from forewarn.alerts.silences import NewSilence, add_silence
    from forewarn.alerts.spans import newest_day
    from forewarn.warehouse.engine import connect

    now = datetime.now(UTC)
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        first = from_.date() if from_ else newest_day(cursor) or now.date()
        new = NewSilence(first, until.date(), why, customer, rule, route, where)
        number = add_silence(cursor, new, by=getpass.getuser(), now=now)
        if not dry_run:
            connection.commit()
    typer.echo(f"{'would be ' if dry_run else ''}silence {number}: from {first} until {until.date()}")


@app.command()
def end(
    number: Annotated[int, typer.Argument(help="The silence's number, as `forewarn silence list` shows it.")],
    why: Annotated[str, typer.Option(help="Why; kept with it.")] = "no longer wanted",
    dry_run: DryRun = False,
) -> None:
    """Let a silence count no more."""
    end_span("silence", number, why, dry_run=dry_run)


@app.command("list")
def list_() -> None:
    """Show every silence, the newest first."""
    from forewarn.warehouse.engine import connect

    table = Table("silence", "of", "from", "until", "why", "entered by", "ended")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select silence_id::text, concat_ws(', ', 'customer ' || customer_id, 'rule ' || signal, 'route ' || route,"
            " condition), from_day::text, until_day::text, reason, entered_by,"
            " coalesce(format('%s by %s: %s', ended_day, ended_by, end_reason), '')"
            " from alerts.silence order by silence_id desc"
        )
        for row in cursor.fetchall():
            table.add_row(*row)
    screen().print(table)
