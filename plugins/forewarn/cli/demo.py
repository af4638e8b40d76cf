"""`forewarn demo`: the whole chain over data that need no preparation, on this machine, with a list at its end."""

from __future__ import annotations

import os
import time
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from forewarn.cli.board import Board
from forewarn.cli.installation import DATA_HELP, PROJECT, Data, Place, choose, chosen
from forewarn.config.settings import Settings
from forewarn.errors import ForewarnError

if TYPE_CHECKING:
    from forewarn.local.databases import Databases
    from forewarn_airflow.in_process import Outcome


def demo(
    data: Annotated[Data | None, typer.Option(help=DATA_HELP)] = None,
    customers: Annotated[int, typer.Option(min=50, help="Customers of the simulated company.")] = 2_000,
    months: Annotated[int, typer.Option(min=6, help="Months of its history.")] = 24,
    seed: Annotated[int, typer.Option(help="Its seed: the same seed draws the same company.")] = 7,
) -> None:
    """Run churn_daily over demo data; again for the next simulated day."""
    from forewarn.cli.quiet import output_to

    began = time.perf_counter()
    if data:
        choose(data, None)
    here = chosen()
    log = here.home / "logs" / "demo.log"
    with output_to(log) as console:
        _demo(console, here, customers=customers, months=months, seed=seed)
        console.print(f"[dim]{time.perf_counter() - began:.0f} s in all; what the libraries said: {log}[/]")


def _demo(console: Console, here: Place, *, customers: int, months: int, seed: int) -> None:
    from forewarn.cli.demo_report import show
    from forewarn.config.project import load_project
    from forewarn.local.company import finish_day, systems
    from forewarn.local.databases import local_settings, start_databases
    from forewarn.local.services import running
    from forewarn.sources import load_sources

    # Before anything is started, and before the company lives another day.
    load_sources(load_project(here.config))
    if names := running(here.home):
        raise ForewarnError(
            f"Airflow in {here.home}",
            expected="no scheduler beside the demo's own run",
            got=f"{', '.join(names)} still up",
            next_step="run `make down`, or trigger churn_daily in Airflow",
        )
    console.print(f"[bold]Forewarn[/] over [bold]{here.data.value}[/], state in {here.home}")
    with Board(console) as board:
        board.begin("database")
        databases = start_databases(here.home)
        settings = local_settings(PROJECT, here.config, here.home, databases)
        board.end()
        day = _day(board, here, settings, databases, customers=customers, months=months, seed=seed)
        with systems(here.home):
            outcome = _run(board, settings, databases, day)
    failure = outcome.failure
    if failure and outcome.state != "success":
        raise _readable(failure.task_id, failure.label, failure.error, settings)
    if outcome.state != "success":
        raise ForewarnError(
            "churn_daily",
            expected="a run that succeeds",
            got=outcome.state,
            next_step=f"read {settings.home / 'logs' / 'demo.log'}",
        )
    finish_day(here.home)
    show(console, settings, day, again=here.data is Data.SIMULATED)


def _day(
    board: Board, here: Place, settings: Settings, databases: Databases, *, customers: int, months: int, seed: int
) -> date:
    """Prepare the sources and return the day to run."""
    from forewarn.local import company
    from forewarn.stages import own_day

    def progress(what: str, done: int, total: int) -> None:
        board.move(what, done, total)

    if here.data is not Data.SIMULATED:
        day = own_day(settings)
        if day is None:
            raise ForewarnError(
                str(here.config / "forewarn.yml"),
                expected="as_of_date, the first day that the data do not know",
                got="none",
                next_step="add `as_of_date: YYYY-MM-DD`",
            )
        return day
    if company.is_founded(here.home):
        board.begin("next day")
        day = company.next_day(settings, databases.server, progress=progress)
    else:
        board.begin("simulated company")
        day = company.found(
            here.home, databases.server, customers=customers, months=months, seed=seed, progress=progress
        )
    board.end({"note": f"as of {day}"})
    return day


def _run(board: Board, settings: Settings, databases: Databases, day: date) -> Outcome:
    from forewarn.local.environment import Ports, airflow_environment

    board.begin("airflow")
    os.environ.update(airflow_environment(settings, databases.airflow_url, Ports()))
    # Airflow reads its environment when it is first imported.
    from forewarn_airflow import in_process

    in_process.migrate()
    board.end()
    return in_process.run_dag(
        settings.project / "dags", "churn_daily", conf={"as_of_date": day.isoformat()}, tell=board.task
    )


def _readable(task: str, label: str, error: Any, settings: Settings) -> ForewarnError:
    stage = f"stage {task} ({label})" if label else f"stage {task}"
    if isinstance(error, ForewarnError):
        return ForewarnError(f"{stage}: {error}")
    return ForewarnError(
        stage,
        expected="no error",
        got=f"{type(error).__name__}: {error}",
        next_step=f"read {settings.home / 'logs' / 'demo.log'}",
    )
