"""`forewarn absence`: who is away, and who stands in."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from forewarn.cli.ending import end_span
from forewarn.cli.installation import current_project, current_settings
from forewarn.cli.model import DryRun
from forewarn.cli.screen import screen

app = typer.Typer(help="Readers who are away, and who stands in for them.", no_args_is_help=True)
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day back.")]
FROM = typer.Option("--from", formats=["%Y-%m-%d"], help="The first day; by default the newest published.")


@app.command()
def add(
    person: Annotated[str, typer.Argument(help="E-mail address of who is away.")],
    *,
    until: Day,
    from_: Annotated[datetime | None, FROM] = None,
    deputy: Annotated[str | None, typer.Option(help="E-mail address of who stands in; else the fallback.")] = None,
    why: Annotated[str, typer.Option(help="What for; kept with it.")] = "away",
    dry_run: DryRun = False,
) -> None:
    """Let a deputy be told in place of somebody, from a day on until they are back."""
    from forewarn.alerts.absences import NewAbsence, add_absence
    from forewarn.alerts.spans import newest_day
    from forewarn.warehouse.engine import connect

    now = datetime.now(UTC)
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        first = from_.date() if from_ else newest_day(cursor) or now.date()
        new = NewAbsence(person, first, until.date(), deputy, why)
        number = add_absence(cursor, new, by=getpass.getuser(), now=now)
        if not dry_run:
            connection.commit()
    entered = f"{'would be ' if dry_run else ''}absence {number}"
    instead = deputy or "the fallback of each route"
    typer.echo(f"{entered}: {person}, from {first} until {until.date()}; {instead} is told instead")


@app.command()
def end(
    number: Annotated[int, typer.Argument(help="The absence's number, as `forewarn absence list` shows it.")],
    why: Annotated[str, typer.Option(help="Why; kept with it.")] = "back earlier",
    dry_run: DryRun = False,
) -> None:
    """Let an absence count no more."""
    end_span("absence", number, why, dry_run=dry_run)


@app.command("list")
def list_() -> None:
    """Show every absence of the ledger and of routes.yml, the newest first."""
    from forewarn.alerts.routing import FILE, load_routing
    from forewarn.warehouse.engine import connect

    table = Table("absence", "who", "from", "until", "deputy", "why", "entered by", "ended")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select absence_id::text, person, from_day::text, until_day::text, coalesce(deputy, ''), reason,"
            " entered_by, coalesce(format('%s by %s: %s', ended_day, ended_by, end_reason), '')"
            " from alerts.absence order by absence_id desc"
        )
        for row in cursor.fetchall():
            table.add_row(*row)
    for one in load_routing(current_project()).absences:
        table.add_row("", one.person, str(one.from_day), str(one.until), one.deputy or "", one.reason, FILE, "")
    screen().print(table)
