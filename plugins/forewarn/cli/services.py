"""`forewarn up` and `forewarn down`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import typer

from forewarn.cli.installation import PROJECT, chosen, typed
from forewarn.cli.workbench import PORT
from forewarn.config.project import load_project

AIRFLOW_PORT, MLFLOW_PORT = 8080, 5000


def up(
    airflow_port: Annotated[int, typer.Option(help="Port of Airflow; another where it is taken.")] = AIRFLOW_PORT,
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow; another where it is taken.")] = MLFLOW_PORT,
    workbench_port: Annotated[
        int | None, typer.Option(help="Port of the workbench; by default that of alerts.workbench_url.")
    ] = None,
    database_only: Annotated[bool, typer.Option("--database-only", help="Start the embedded PostgreSQL only.")] = False,
) -> None:
    """Start Airflow, MLflow and the workbench on loopback, and say where they are."""
    from forewarn.cli.screen import screen
    from forewarn.local import services
    from forewarn.local.databases import local_settings, start_databases

    here, console = chosen(), screen()
    with console.status("starting the database") as status:
        databases = start_databases(here.home)
        settings = local_settings(PROJECT, here.config, here.home, databases)
        if database_only:
            console.print(f"PostgreSQL is up; its addresses are in {here.home}")
            return
        linked = load_project(settings.config).alerts.workbench_url
        where = services.up(
            settings,
            databases,
            airflow_port=airflow_port,
            mlflow_port=mlflow_port,
            workbench_port=workbench_port or (urlsplit(linked).port or PORT if linked else 0),
            tell=lambda part: status.update(f"starting {part}"),
        )
    account = typed("an account: `forewarn account add`")
    # Not broken at the terminal's width: an address or a password is copied from here.
    console.print(
        f"Airflow  {where.airflow}   user [bold]{where.user}[/], password [bold]{where.password}[/]\n"
        f"MLflow   {where.mlflow}\n"
        + (f"Workbench {where.workbench}   by links of messages, or {account}\n" if where.workbench else "")
        + f"Logs     {here.home / 'logs'}\n{typed('End it with `make down`.')}",
        soft_wrap=True,
    )
    if linked and where.workbench != linked and urlsplit(linked).hostname in ("127.0.0.1", "localhost"):
        console.print(f"[yellow]Links in messages lead to {linked}: its port was taken.[/]")


def down() -> None:
    """End what `up` and `demo` started, by process id."""
    from forewarn.local import services

    ended = services.down(chosen().home)
    typer.echo(f"Ended: {', '.join(ended)}." if ended else "Nothing was running.")
