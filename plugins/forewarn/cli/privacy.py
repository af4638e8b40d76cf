"""`forewarn privacy`: erase a person, keep what must be kept, let go of what is old."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from forewarn.cli.changing import change
from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun
from forewarn.cli.screen import screen

if TYPE_CHECKING:
    from psycopg2 import extensions

app = typer.Typer(
    help="Personal data at their end: erase a person, hold what must be kept, let go of what is old.",
    no_args_is_help=True,
)
Customer = Annotated[str, typer.Argument(help="The customer_id, as `forewarn identity show` tells it.")]
Why = Annotated[str, typer.Option(help="Why; it stays on record, so let it name nobody.")]
NEXT = "Sources and backups still know: see docs/how-to/erase-a-person.md"
_HELD = (
    "select customer_id, placed_at::date::text, placed_by, reason from ops.legal_hold"
    " where lifted_at is null order by 2, 1"
)
_ERASED = (
    "select erasure_id::text, kind, subject, erased_at::date::text, erased_by, reason from ops.erasure"
    " order by erasure_id"
)


@app.command()
def erase(
    why: Why,
    customer: Annotated[str | None, typer.Option(help="A customer with all of its accounts and contacts.")] = None,
    contact: Annotated[str | None, typer.Option(help="One contact, as source:number.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Take a person's words out of every table and file, and out of whatever lands later."""
    from forewarn.config.project import load_project
    from forewarn.privacy import subjects
    from forewarn.privacy.erase import erase as erase_person
    from forewarn.privacy.files import report_folders
    from forewarn.sources import load_sources

    if (customer is None) == (contact is None):
        raise typer.BadParameter("give either --customer or --contact")
    settings = current_settings()
    project = load_project(settings.config)
    sources = load_sources(project)

    def find(cursor: extensions.cursor) -> subjects.Subject:
        return subjects.customer(cursor, customer) if customer else subjects.contact(cursor, sources, contact or "")

    done = erase_person(
        settings,
        sources,
        find,
        reason=why,
        by=getpass.getuser(),
        now=datetime.now(UTC),
        reports=report_folders(settings.home, project),
        dry_run=dry_run,
    )
    would = "would lose" if dry_run else "lost"
    for place, rows in sorted(done.places.items()):
        typer.echo(f"{place} {would} words in {rows}")
    about = f"{done.subject.kind} {done.subject.name}: {done.words} words, {len(done.places)} places."
    typer.echo(f"{about} Nothing was changed." if dry_run else f"{about} Searched again: nothing is left. {NEXT}")


@app.command()
def hold(customer: Customer, why: Why, dry_run: DryRun = False) -> None:
    """Keep what is known of a customer, whatever its age and whoever asks."""
    from forewarn.privacy.holds import hold as place

    by = getpass.getuser()
    change(lambda cursor, now: place(cursor, customer, reason=why, by=by, now=now), dry_run=dry_run)
    typer.echo(f"{'would be kept' if dry_run else 'kept'}: customer {customer}")


@app.command()
def release(customer: Customer, why: Why, dry_run: DryRun = False) -> None:
    """Lift the hold of a customer."""
    from forewarn.privacy.holds import release as lift

    by = getpass.getuser()
    change(lambda cursor, now: lift(cursor, customer, reason=why, by=by, now=now), dry_run=dry_run)
    typer.echo(f"{'would be released' if dry_run else 'released'}: customer {customer}")


@app.command("list")
def list_() -> None:
    """Show the holds that stand, and who was erased when."""
    from rich.table import Table

    from forewarn.warehouse.engine import connect

    holds = Table("customer", "since", "by", "held because", title="Holds")
    erasures = Table("number", "what", "subject", "on", "by", "because", title="Erasures")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        for table, query in ((holds, _HELD), (erasures, _ERASED)):
            cursor.execute(query)
            for row in cursor.fetchall():
                table.add_row(*row)
            screen().print(table)


@app.command()
def retain(dry_run: DryRun = False) -> None:
    """Let go of what is older than `retention` in forewarn.yml allows; the DAG churn_retention does so each night."""
    from forewarn import stages

    now = datetime.now(UTC)
    gone = stages.retain(current_settings(), stages.Run(now.date(), "retain", now), dry_run=dry_run)
    for period, rows in gone.items():
        typer.echo(f"{period}: {rows} {'would go' if dry_run else 'gone'}")
    if not gone:
        typer.echo("Everything is kept: forewarn.yml has no `retention`.")
