"""`forewarn case`: what account managers do with their cases, for those who work in a terminal."""

from __future__ import annotations

import getpass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun
from forewarn.cli.screen import screen

if TYPE_CHECKING:
    from forewarn.alerts.answers import Action

app = typer.Typer(help="Cases: see them, and say what became of them.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The case's number, as `forewarn case list` shows it.")]
Note = Annotated[str, typer.Option("--note", help="What to remember; kept with the answer.")]


class Ending(StrEnum):
    """What may have come of a case."""

    SAVED = "saved"
    CHURNED = "churned"
    FALSE_ALARM = "false_alarm"
    NO_ANSWER = "no_answer"


class Doing(StrEnum):
    """What may have been done about a case."""

    NONE = "none"
    CALL = "call"
    VISIT = "visit"
    MESSAGE = "message"
    OFFER = "offer"
    ADVICE = "advice"
    SERVICE = "service"


@app.command("list")
def list_(
    owner: Annotated[str | None, typer.Option(help="Only cases of this account manager, by e-mail address.")] = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 30,
) -> None:
    """Show the open cases, the highest expected loss first."""
    table = Table("case", "customer", "level", "state", "expected loss", "due", "account manager")
    for row in _rows(
        "select c.case_id::text, coalesce(d.name, c.customer_id), c.level, c.state,"
        " to_char(c.expected_loss, 'FM999,999,999'),"
        " coalesce(c.due_on::text, ''), coalesce(c.owner_name, c.owner_email, '')"
        ' from alerts."case" as c left join marts.dim_customers as d using (customer_id)'
        " where c.state <> 'closed' and (%(owner)s::text is null or lower(c.owner_email) = lower(%(owner)s))"
        " order by c.expected_loss desc, c.case_id limit %(most)s",
        {"owner": owner, "most": most},
    ):
        table.add_row(*row)
    screen().print(table)


@app.command()
def show(number: Number) -> None:
    """Show everything that happened to a case."""
    table = Table("when (UTC)", "what", "why", "by")
    for row in _rows(
        "select to_char(happened_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), kind, reason,"
        " coalesce(detail ->> 'by', '')"
        " from alerts.case_event where case_id = %(number)s order by event_id",
        {"number": number},
    ):
        table.add_row(*row)
    screen().print(table)


@app.command()
def acknowledge(number: Number, note: Note = "", dry_run: DryRun = False) -> None:
    """Say that a case is seen: it is not escalated any more."""
    _answer(number, "acknowledge", note, dry_run=dry_run)


@app.command()
def start(number: Number, note: Note = "", dry_run: DryRun = False) -> None:
    """Say that somebody is at it."""
    _answer(number, "start", note, dry_run=dry_run)


@app.command()
def snooze(
    number: Number,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day from which people hear of it again.")],
    note: Note = "",
    dry_run: DryRun = False,
) -> None:
    """Let nobody be told until a day, unless the level becomes high."""
    _answer(number, "snooze", note, until=until.date(), dry_run=dry_run)


@app.command()
def close(
    number: Number,
    *,
    outcome: Annotated[Ending, typer.Option(help="What came of it.")],
    intervention: Annotated[Doing, typer.Option(help="What was done about it; of several things the dearest.")],
    cost: Annotated[
        float | None, typer.Option(min=0, help="What that cost, in the company's currency; default: a usual contact.")
    ] = None,
    note: Note = "",
    dry_run: DryRun = False,
) -> None:
    """Close a case with what was done and what came of it; `alerts.cool_down_days` says how long there is peace."""
    ending: dict[str, Any] = {"outcome": outcome.value, "intervention": intervention.value, "cost": cost}
    _answer(number, "close", note, dry_run=dry_run, **ending)


@app.command()
def undo(number: Number, note: Note = "", dry_run: DryRun = False) -> None:
    """Take the newest answer to a case back, within a day: a closed case is open again."""
    from forewarn.alerts.take_back import take_back
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        take_back(cursor, number, by=getpass.getuser(), reason=note, now=datetime.now(UTC))
        cursor.execute('select state from alerts."case" where case_id = %s', [number])
        (state,) = cursor.fetchone() or ("",)
        if not dry_run:
            connection.commit()
    typer.echo(f"case {number}: {state} again")


def _answer(
    number: int,
    action: Action,
    note: str,
    *,
    dry_run: bool,
    until: date | None = None,
    **ending: Any,
) -> None:
    from forewarn.alerts.answers import Answer, answer
    from forewarn.warehouse.engine import connect

    given = Answer(number, action, getpass.getuser(), note, until=until, **ending)
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        changed = answer(cursor, given, now=datetime.now(UTC))
        if not dry_run:
            connection.commit()
    said = f" ({ending['outcome']}, {ending['intervention']})" if ending else ""
    typer.echo(f"case {number}: {action}{said}" if changed else "nothing changed")


def _rows(query: str, values: dict[str, object]) -> list[tuple[Any, ...]]:
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()
