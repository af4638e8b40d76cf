"""`forewarn model explain`: why one customer's score is what it is."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from forewarn.cli.installation import current_project, current_settings

if TYPE_CHECKING:
    from churn_model.explanation import Grounded

app = typer.Typer()
Customer = Annotated[str, typer.Argument(help="A customer_id, or an account as source:number (crm:C0000042).")]
SHOWN = 5


@app.command()
def explain(
    customer: Customer,
    on: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="As-of date; by default the newest.")
    ] = None,
) -> None:
    """Show a customer's score, what each family adds to it, the reasons, and the source records behind each."""
    from rich.console import Console
    from rich.table import Table

    from churn_model.explanation import explain_customer
    from forewarn.sources import canonical_mappings, load_sources

    project = current_project()
    found = explain_customer(current_settings(), project, customer, as_of_date=on.date() if on else None)
    console = Console()
    mark = "at or above" if found.probability >= found.threshold else "below"
    console.print(f"customer [bold]{found.customer_id}[/] as of {found.as_of_date}, by {found.model}")
    console.print(f"risk [bold]{found.probability:.1%}[/], {mark} the threshold of {found.threshold:.1%}")
    if not found.is_as_recorded:
        console.print(f"[yellow]ml.score says {found.recorded:.1%}: the features of that date were built again since.")
    table = Table("family", "adds to the log-odds")
    for family, weight in found.families:
        table.add_row(family, f"{weight:+.2f}")
    console.print(table)
    streams = streams_of(canonical_mappings(load_sources(project)))
    for grounded in found.reasons:
        for line in lines(grounded, streams, found.as_of_date):
            typer.echo(line)


def streams_of(mappings: dict[str, list[dict[str, object]]]) -> dict[tuple[str, str], list[str]]:
    """Return the streams that tell of an entity in a source."""
    found: dict[tuple[str, str], list[str]] = {}
    for entity, feeds in mappings.items():
        for feed in feeds:
            found.setdefault((entity, str(feed["source"])), []).append(str(feed["table"]))
    return found


def lines(grounded: Grounded, streams: dict[tuple[str, str], list[str]], as_of_date: date) -> list[str]:
    """Return what is said of one reason: the sentence, its numbers, and the records."""
    reason, behind = grounded.reason, grounded.behind
    usual = "" if grounded.usual is None else f", their own median of the year {grounded.usual:,.4g}"
    against = "" if reason.baseline is None else f", compared with {reason.baseline:,.4g}"
    window = f"[{behind.since}, {as_of_date})" if behind.since else f"before {as_of_date}"
    said = [
        f"{reason.contribution:+.2f} {reason.family}: {reason.text}",
        f"      {reason.feature}: {reason.value:,.4g}{against}{usual}; {behind.total} records {window}",
    ]
    for record in behind.records[:SHOWN]:
        origin = " + ".join(streams.get((record.entity, record.source), ["?"]))
        said.append(f"      {record.day} {record.entity} {record.source}.{origin} {record.record_id}")
    if len(behind.records) > SHOWN:
        said.append(f"      and {behind.total - SHOWN} more")
    return said
