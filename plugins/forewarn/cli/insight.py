"""`forewarn model explain`, `moved`, `drivers`, `segments`, `suggestions`: what the model says beside its scores."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forewarn.cli.installation import current_project, current_settings
from forewarn.cli.model import AsOf, DryRun

if TYPE_CHECKING:
    from churn_model.explanation import Grounded
    from churn_model.movement import Movement
    from forewarn.config.settings import Settings

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
    from rich.table import Table

    from churn_model.explanation import explain_customer
    from forewarn.cli.screen import screen
    from forewarn.sources import canonical_mappings, load_sources

    project = current_project()
    found = explain_customer(current_settings(), project, customer, as_of_date=on.date() if on else None)
    console = screen()
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


@app.command()
def drivers(as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Measure what the company's churn hangs on, out of time, with intervals; kept in ml.driver and in MLflow."""
    from churn_model.drivers import find_drivers
    from forewarn.cli.screen import screen

    settings = current_settings()
    screen().print(find_drivers(settings, current_project(), **_this_run(as_of, settings), keep=not dry_run))


@app.command()
def segments(as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Group the customers of a date by how they behave; kept in ml.segment and in MLflow."""
    from rich.table import Table

    from churn_model.segments import find_segments
    from forewarn.cli.screen import screen

    settings = current_settings()
    found = find_segments(settings, **_this_run(as_of, settings), keep=not dry_run)
    table = Table("segment", "", "customers", "orders a year", "typical order")
    for one in found.profiles:
        typical = (f"{one.centre.get(name, 0):,.0f}" for name in ("orders_365d", "average_order_value_365d"))
        table.add_row(one.name, one.title, f"{one.customers:,}", *typical)
    screen().print(table)
    typer.echo(f"silhouette {found.silhouette:.2f}; {found.kept} of {len(found.profiles)} keep their name")


@app.command()
def suggestions(as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Suggest what each customer would buy besides; kept in ml.suggestion and in MLflow."""
    from churn_model.suggestions import TESTED_DAYS, find_suggestions

    settings = current_settings()
    found = find_suggestions(settings, **_this_run(as_of, settings), keep=not dry_run)
    typer.echo(f"{found.suggestions:,} suggestions to {found.customers:,} customers by {found.rules:,} rules")
    if found.hit_rate is not None and found.popular_hit_rate is not None:
        typer.echo(
            f"of those of {TESTED_DAYS} days ago {found.hit_rate:.1%} were bought since;"
            f" of as many popular articles {found.popular_hit_rate:.1%}"
        )


@app.command()
def moved(
    customer: Customer,
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="A date that was scored.")],
    until: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="A later one.")],
) -> None:
    """Show why a customer's score moved: behaviour, a correction of data, the configuration, or the model."""
    from rich.table import Table

    from forewarn.cli.screen import screen
    from forewarn.moved import why_moved

    found = why_moved(current_settings(), customer, (since.date(), until.date()))
    console = screen()
    before, after = found.probabilities
    console.print(
        f"customer [bold]{found.customer_id}[/]: {before:.1%} on {since:%Y-%m-%d} → {after:.1%} on {until:%Y-%m-%d}"
    )
    table = Table("because of", "log-odds", "share of what moved", "")
    for cause, part in sorted(found.parts.items(), key=lambda one: -abs(one[1])):
        table.add_row(cause, f"{part:+.3f}", f"{found.share(cause):.0%}", _detail(found, cause))
    console.print(table)


def _this_run(as_of: datetime | None, settings: Settings) -> dict[str, Any]:
    from forewarn.stages import own_day

    now = datetime.now(UTC)
    day = as_of.date() if as_of else own_day(settings) or now.date()
    return {"as_of_date": day, "run_id": f"cli__{now:%Y-%m-%dT%H:%M:%S}", "now": now}


def _detail(found: Movement, cause: str) -> str:
    if cause == "behaviour":
        return ", ".join(f"{family} {part:+.2f}" for family, part in found.families[:SHOWN] if abs(part) >= 0.005)
    if cause == "configuration":
        return ", ".join(found.changed)
    return " → ".join(found.models) if cause == "model" and found.models[0] != found.models[1] else ""


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
    now = "unknown" if grounded.now is None else f"{grounded.now:,.4g}"
    usual = "" if grounded.usual is None else f", their own median of the year {grounded.usual:,.4g}"
    window = f"[{behind.since}, {as_of_date})" if behind.since else f"before {as_of_date}"
    said = [
        f"{reason.contribution:+.2f} {reason.family}: {reason.text}",
        f"      {reason.feature} {now}{usual}; {behind.total} record{'' if behind.total == 1 else 's'} {window}",
    ]
    for record in behind.records[:SHOWN]:
        origin = " + ".join(streams.get((record.entity, record.source), ["?"]))
        said.append(f"      {record.day} {record.entity} {record.source}.{origin} {record.record_id}")
    if len(behind.records) > SHOWN:
        said.append(f"      and {behind.total - SHOWN} more")
    return said
