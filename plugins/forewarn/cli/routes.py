"""`forewarn routes`: the routing table, and whom it reaches."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from forewarn.cli.installation import current_project, current_settings
from forewarn.cli.screen import screen
from forewarn.errors import Permanent

if TYPE_CHECKING:
    from forewarn.alerts.would_tell import Told

app = typer.Typer(help="Who is told of what.", no_args_is_help=True)


class Supposed(StrEnum):
    """A level that is supposed in place of each signal's own."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@app.command()
def check() -> None:
    """Check routes.yml; an error names file, line, column and a hint."""
    from forewarn.alerts.would_tell import load_checked_routing

    project = current_project()
    routing = load_checked_routing(project)
    places = Table("route or team", "to", "fallback", "over")
    for name, place in routing.places.items():
        over = ", ".join(place.channels or project.alerts.channels)
        places.add_row(name, place.to, place.fallback or project.alerts.fallback_recipient, over)
    rules = Table("routing rule", "of", "where", "to", "also")
    for rule in routing.rules:
        of = "; ".join(", ".join(some) for some in (rule.routes, rule.rules, rule.families, rule.levels) if some)
        rules.add_row(rule.name, of, rule.where or "", ", ".join(rule.to), ", ".join(rule.also))
    console = screen()
    console.print(places)
    console.print(rules)
    for one in routing.inhibitions:
        console.print(f"inhibition {one.name}: {one.reason}")


@app.command()
def explain(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    level: Annotated[Supposed | None, typer.Option(help="Suppose this level; several signals raise it.")] = None,
) -> None:
    """Show whom each signal would reach for a customer, why, and what keeps it quiet."""
    from forewarn.alerts.would_tell import would_tell
    from forewarn.warehouse.engine import connect

    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        told = would_tell(cursor, current_project(), customer, level=level.value if level else None)
    if not told:
        raise Permanent(
            f"customer {customer}",
            expected="the id of a customer",
            got="none of that name",
            next_step="see `forewarn identity list`, or `select customer_id, name from bi.customer_360`",
        )
    screen().print(_table(told))


def _table(told: list[Told]) -> Table:
    table = Table("signal", "level", "reader", "why", "over", "today")
    for one in told:
        for reader in one.readers:
            why = reader.why if reader.cause is None else f"{reader.why} ({reader.cause})"
            table.add_row(one.signal, one.level, reader.address, why, ", ".join(reader.channels), one.quiet)
    return table
