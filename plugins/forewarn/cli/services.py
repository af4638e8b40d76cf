"""`forewarn up` and `forewarn down`."""

from __future__ import annotations

from typing import Annotated

import typer

from forewarn.cli.installation import PROJECT, chosen, typed

AIRFLOW_PORT, MLFLOW_PORT = 8080, 5000


def up(
    airflow_port: Annotated[int, typer.Option(help="Port of Airflow; another where it is taken.")] = AIRFLOW_PORT,
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow; another where it is taken.")] = MLFLOW_PORT,
    database_only: Annotated[bool, typer.Option("--database-only", help="Start the embedded PostgreSQL only.")] = False,
) -> None:
    """Start Airflow and MLflow on loopback, and say where they are."""
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
        where = services.up(
            settings,
            databases,
            airflow_port=airflow_port,
            mlflow_port=mlflow_port,
            tell=lambda part: status.update(f"starting {part}"),
        )
    # Not broken at the terminal's width: an address or a password is copied from here.
    console.print(
        f"Airflow  {where.airflow}   user [bold]{where.user}[/], password [bold]{where.password}[/]\n"
        f"MLflow   {where.mlflow}\n"
        f"Logs     {here.home / 'logs'}\n{typed('End it with `make down`.')}",
        soft_wrap=True,
    )


def down() -> None:
    """End what `up` and `demo` started, by process id."""
    from forewarn.local import services

    ended = services.down(chosen().home)
    typer.echo(f"Ended: {', '.join(ended)}." if ended else "Nothing was running.")
