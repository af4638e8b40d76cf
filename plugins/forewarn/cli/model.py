"""`forewarn model`: train, judge, compare and promote."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from forewarn.cli.installation import current_project, current_settings
from forewarn.cli.screen import screen
from forewarn.cli.working import working

app = typer.Typer(help="The churn model.", no_args_is_help=True)
AsOf = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only what was known before this day is used.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


@app.command()
def train(
    as_of: AsOf = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge the candidates, and register nothing.")] = False,
) -> None:
    """Judge the candidates out of time, and train the best: the first is champion, later ones are challengers."""
    from churn_model import train as train_model

    if dry_run:
        evaluate(as_of)
        return
    now = datetime.now(UTC)
    settings, project, day = current_settings(), current_project(), _day(as_of, now)
    with working("training") as progress:
        report = train_model(settings, project, as_of_date=day, run_id=_run_id(now), now=now, progress=progress)
    shown = Table.grid(padding=(0, 2))
    for name, value in vars(report).items():
        shown.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    screen().print(shown)


@app.command()
def evaluate(
    as_of: AsOf = None,
    tests: Annotated[int, typer.Option(min=1, help="Greatest number of test cut-offs.")] = 5,
    table: Annotated[
        Path | None, typer.Option(help="A YAML file that names a table of one row a customer; no warehouse is needed.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="A folder to draw calibration, lift and precision into.")] = None,
) -> None:
    """Judge the candidates out of time, beside the simple rules; or those for a table, by parts of its customers."""
    if table:
        if plots:
            raise typer.BadParameter("draws what is judged out of time, and not --table", param_hint="--plots")
        from churn_model.table_set import judge_table

        screen().print(judge_table(table))
        return
    from churn_model import evaluate as judge

    day = _day(as_of, datetime.now(UTC))
    settings, project = current_settings(), current_project()
    with working("judging the candidates") as progress:
        found = judge(settings, project, as_of_date=day, tests=tests, progress=progress)
    screen().print(found)
    if plots:
        from churn_model.plots import pictures

        chosen, _ = found.best()
        plots.mkdir(parents=True, exist_ok=True)
        for name, figure in pictures(found, chosen).items():
            figure.savefig(plots / f"{name}.png", dpi=120)
        typer.echo(f"pictures of {chosen}: {plots}")


@app.command()
def compare(as_of: AsOf = None) -> None:
    """Compare champion and challenger on the days that both scored and whose outcome is known by now."""
    from churn_model import compare as compare_models

    day = _day(as_of, datetime.now(UTC))
    screen().print(compare_models(current_settings(), current_project(), as_of_date=day))


@app.command()
def promote(as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Make the challenger champion if it has earned it on matured days; the reason is kept either way."""
    from churn_model import promote as promote_model

    now = datetime.now(UTC)
    found = promote_model(
        current_settings(),
        current_project(),
        as_of_date=_day(as_of, now),
        run_id=_run_id(now),
        now=now,
        dry_run=dry_run,
    )
    screen().print(found)


def _day(as_of: datetime | None, now: datetime) -> date:
    from forewarn.stages import own_day

    return as_of.date() if as_of else own_day(current_settings()) or now.date()


def _run_id(now: datetime) -> str:
    return f"cli__{now:%Y-%m-%dT%H:%M:%S}"
