"""`forewarn model`: train and judge."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from forewarn.cli.installation import current_project, current_settings

app = typer.Typer(help="The churn model.", no_args_is_help=True)
AsOf = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what was known before this day is used.")
]


@app.command()
def train(
    as_of: AsOf = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge the candidates, and register nothing.")] = False,
) -> None:
    """Train on the mature snapshots, judge out of time, and make the result champion."""
    from churn_model import train as train_model
    from forewarn.stages import own_day

    if dry_run:
        evaluate(as_of)
        return
    settings, now = current_settings(), datetime.now(UTC)
    day = as_of.date() if as_of else own_day(settings) or now.date()
    report = train_model(settings, current_project(), as_of_date=day, run_id=f"cli__{now:%Y-%m-%dT%H:%M:%S}", now=now)
    for name, value in vars(report).items():
        typer.echo(f"{name:<18} {value}")


@app.command()
def evaluate(
    as_of: AsOf = None,
    tests: Annotated[int, typer.Option(min=1, help="Greatest number of test cut-offs.")] = 5,
) -> None:
    """Judge the candidates out of time, beside the recency-frequency rule."""
    from churn_model import evaluate as judge
    from forewarn.stages import own_day

    settings = current_settings()
    day = as_of.date() if as_of else own_day(settings) or datetime.now(UTC).date()
    Console().print(judge(settings, current_project(), as_of_date=day, tests=tests))
