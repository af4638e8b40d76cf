"""`forewarn report`: what alerts were worth, who left without one, and the report of a month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from forewarn.cli.installation import current_project, current_settings
from forewarn.cli.model import AsOf, DryRun
from forewarn.cli.screen import screen
from forewarn.errors import Permanent

if TYPE_CHECKING:
    from psycopg2 import extensions

app = typer.Typer(help="What alerts were worth, and what to change.", no_args_is_help=True)


class By(StrEnum):
    """What the comparison with the control group may be divided by."""

    ALL = "all"
    RULE = "rule"
    MODEL = "model"
    SEGMENT = "segment"
    MANAGER = "manager"


@app.command()
def monthly(
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], help="The month; by default the last one that is over.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write the report of a month as HTML and PDF, and mail it once to `alerts.report_recipients`."""
    from forewarn.loop.monthly import month_before, monthly_report
    from forewarn.warehouse.engine import connect

    settings, project = current_settings(), current_project()
    if month is None:
        with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
            day = month_before(_day(cursor, None))
    else:
        day = month.date()
    made = monthly_report(settings, project, day, now=datetime.now(UTC), dry_run=dry_run)
    for file in made.files:
        typer.echo(f"{'would write' if dry_run else 'wrote'} {file}")
    typer.echo(f"{made.letters} new messages{'' if dry_run else ': `forewarn dispatch` sends them'}")


@app.command()
def anomalies() -> None:
    """Show the company's figures that left the range of their own past, the newest first."""
    from forewarn.warehouse.engine import connect

    names = ("since", "figure", "by", "seen", "usual from", "to", "moved most by", "usual again")
    table = Table(*names)
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select since, figure, grain, seen, usual_from, usual_to, segments, over_as_of from alerts.anomaly"
            " order by since desc, anomaly_id desc limit 50"
        )
        for since, figure, grain, seen, low, high, segments, over in cursor.fetchall():
            moved = ", ".join(f"{one['dimension']} {one['member']}" for one in segments)
            numbers = (f"{seen:,.4g}", f"{low:,.4g}", f"{high:,.4g}")
            table.add_row(str(since), figure, grain, *numbers, moved, str(over or ""))
    screen().print(table)


@app.command()
def missed(as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Examine every customer who left without an alert: when it could have been seen, by what, and why it was not."""
    from forewarn.loop.missed import post_mortem
    from forewarn.warehouse.engine import connect

    table = Table("gone on", "customer", "detectable on", "by", "why not", "reason")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        day = _day(cursor, as_of)
        found = post_mortem(cursor, current_project(), as_of_date=day, now=datetime.now(UTC))
        if not dry_run:
            connection.commit()
    for one in found:
        shown = (str(one.leaver.gone_on), one.leaver.customer_id, str(one.detectable_on or ""), one.signal or "")
        table.add_row(*shown, one.why, one.reason)
    screen().print(table)


@app.command("save-rate")
def save_rate(
    by: Annotated[By, typer.Option(help="What to divide customers by.")] = By.ALL, as_of: AsOf = None
) -> None:
    """Compare those whom somebody was told of with the control group, by intention to treat."""
    from forewarn.loop.save_rate import save_rates
    from forewarn.warehouse.engine import connect

    table = Table(by.value, "told", "left", "control", "left", "not known yet", "saved", "interval", "")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        found = save_rates(cursor, by.value, until=_day(cursor, as_of))
    for one in found:
        saved = one.saved
        table.add_row(
            one.member,
            f"{one.told.customers:,}",
            _share(one.told.rate),
            f"{one.control.customers:,}",
            _share(one.control.rate),
            f"{one.unripe:,}",
            "" if saved is None else _share(saved.value),
            "" if saved is None else f"{_share(saved.low)} to {_share(saved.high)}",
            "shown" if one.shown else "not shown",
        )
    screen().print(table)
    if not found:
        typer.echo("No case was drawn yet: `alerts.control_share` of forewarn.yml sets a control group.")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _day(cursor: extensions.cursor, as_of: datetime | None) -> date:
    from forewarn.alerts.answers import published_day

    if as_of is not None:
        return as_of.date()
    if (day := published_day(cursor)) is None:
        raise Permanent(
            "warehouse", expected="a day that was published live", got="none", next_step="run the pipeline first"
        )
    return day
