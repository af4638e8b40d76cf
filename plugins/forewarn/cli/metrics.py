"""`forewarn metrics`."""

from __future__ import annotations

from typing import Annotated

import typer

from forewarn.cli.installation import current_settings


def metrics(
    names: Annotated[list[str] | None, typer.Argument(help="Metrics; without any, every name is listed.")] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="Dimension, again for each: metric_time__month, activity__region …")
    ] = None,
    where: Annotated[str | None, typer.Option(help="Condition as MetricFlow writes it.")] = None,
    show_sql: Annotated[bool, typer.Option("--sql", help="Show the SQL instead of the rows.")] = False,
) -> None:
    """Ask the semantic layer for metrics, by month unless told otherwise."""
    from forewarn.warehouse.metrics import ask, metric_names

    settings = current_settings()
    if not names:
        for name, meaning in sorted(metric_names(settings).items()):
            typer.echo(f"{name:<34} {meaning}")
        return
    answer = ask(settings, names, by=by or ("metric_time__month",), where=where)
    if show_sql:
        typer.echo(answer.sql)
        return
    for row in (answer.columns, *answer.rows):
        typer.echo("  ".join("" if value is None else str(value) for value in row))
