"""`forewarn task`: what is to be done by when, and what came of it."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun
from forewarn.cli.screen import screen

if TYPE_CHECKING:
    from forewarn.alerts.task_answers import TaskAnswer

app = typer.Typer(help="Tasks: see what is due, and say what came of it.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="The task's number, as `forewarn task list` shows it.")]

_OPEN = """
select t.task_id::text, t.due_on::text || case when t.due_on < p.day then ' overdue' else '' end,
    coalesce(t.case_id::text, ''), coalesce(d.name, t.customer_id), t.role,
    coalesce(t.owner_name, t.owner_email), t.text
from alerts.task as t
cross join (select max(as_of_date) as day from ops.publication where live) as p
left join marts.dim_customers as d using (customer_id)
where t.state = 'open' and (%(owner)s::text is null or lower(t.owner_email) = lower(%(owner)s))
order by t.due_on, t.task_id
limit %(most)s
"""


@app.command("list")
def list_(
    owner: Annotated[str | None, typer.Option(help="Only tasks of this person, by e-mail address.")] = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 30,
) -> None:
    """Show the open tasks, the one that is due first at the top."""
    from forewarn.warehouse.engine import connect

    table = Table("task", "due", "case", "customer", "role", "who", "what")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(_OPEN, {"owner": owner, "most": most})
        for row in cursor.fetchall():
            table.add_row(*row)
    screen().print(table)


@app.command()
def done(
    number: Number,
    outcome: Annotated[str, typer.Option(help="What came of it, in words.")],
    dry_run: DryRun = False,
) -> None:
    """Say that a task is done; its case is then in progress."""
    from forewarn.alerts.task_answers import TaskAnswer

    _end(TaskAnswer(number, "done", getpass.getuser(), outcome), dry_run=dry_run)


@app.command()
def drop(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why nobody needs to do it.")],
    dry_run: DryRun = False,
) -> None:
    """Drop a task that nobody needs to do."""
    from forewarn.alerts.task_answers import TaskAnswer

    _end(TaskAnswer(number, "dropped", getpass.getuser(), reason), dry_run=dry_run)


def _end(given: TaskAnswer, *, dry_run: bool) -> None:
    from forewarn.alerts.task_answers import answer_task
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        changed = answer_task(cursor, given, now=datetime.now(UTC))
        if not dry_run:
            connection.commit()
    typer.echo(f"task {given.task_id}: {given.state}" if changed else "nothing changed")
