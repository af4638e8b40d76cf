"""`forewarn access`: logins that read schema bi."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import psycopg2
import typer

from forewarn.cli.installation import current_settings

app = typer.Typer(help="Who may read the warehouse's schema bi, and which customers each sees.", no_args_is_help=True)


@app.command()
def grant(
    login: Annotated[str, typer.Argument(help="Name of the database login.")],
    manager: Annotated[
        str | None, typer.Option(help="See the customers of this account manager: e-mail, name or source|owner_id.")
    ] = None,
    every_customer: Annotated[bool, typer.Option("--every-customer", help="See every customer.")] = False,
    personal: Annotated[bool, typer.Option("--personal", help="See personal data of them all.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether it could be given, and give nothing.")
    ] = False,
) -> None:
    """Give a login access, or change what it sees."""
    from forewarn.warehouse import access

    password = access.grant(
        current_settings().warehouse_url,
        login,
        manager=manager,
        every_customer=every_customer,
        personal=personal,
        now=datetime.now(UTC),
        dry_run=dry_run,
    )
    if dry_run:
        typer.echo(f"would give {login} {'a new password and ' if password else ''}access to schema bi")
    elif password is None:
        typer.echo(f"{login} has its new access; its password stays.")
    else:
        typer.echo(f"{login} may read schema bi. Its password, shown this once: {password}")


@app.command()
def revoke(
    login: Annotated[str, typer.Argument(help="Name of the database login.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether it could be taken, and take nothing.")
    ] = False,
) -> None:
    """Take a login away, and end its sessions."""
    from forewarn.warehouse import access

    access.revoke(current_settings().warehouse_url, login, dry_run=dry_run)
    typer.echo(f"would take {login} away" if dry_run else f"{login} is gone.")


@app.command()
def service(
    login: Annotated[str, typer.Argument(help="Name of the new database login.")],
    role: Annotated[str, typer.Option(help="scorer or dispatcher.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether it could be created, and create nothing.")
    ] = False,
) -> None:
    """Create a login with fewer rights for the stages that score, or those that open cases and send."""
    from forewarn.warehouse import access

    password = access.create_service(current_settings().warehouse_url, login, role, dry_run=dry_run)
    if dry_run:
        typer.echo(f"would create {login} as a {role}")
        return
    typer.echo(f"{login} is a {role}. Its password, shown this once: {password}")
    typer.echo(f"Put its URL into FOREWARN_{role.upper()}_URL.")


@app.command()
def watch(
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
) -> None:
    """End what readers let run beyond `readers.longest_query_minutes`, whatever their own time-out says."""
    import time

    from forewarn.config.project import load_project
    from forewarn.warehouse.runaway import end_runaways

    settings = current_settings()
    readers = load_project(settings.config).readers
    while True:
        try:
            for ended in end_runaways(settings.warehouse_url, readers.longest_query):
                typer.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} ended {ended.login}: {ended.reason}")
        except psycopg2.OperationalError as error:
            if once:
                raise
            # The server may be starting; who watches must outlive that.
            typer.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {' '.join(str(error).split())}", err=True)
        if once:
            return
        time.sleep(readers.look_every_seconds)


@app.command("list")
def list_() -> None:
    """Show who reads bi and what each sees."""
    from forewarn.warehouse import access

    found = access.logins(current_settings().warehouse_url)
    for login in found:
        whom = "every customer" if login.sees_every_customer else f"customers of {', '.join(login.owners) or 'nobody'}"
        seen = ", personal data included" if login.sees_personal_data or not login.sees_every_customer else ""
        typer.echo(f"{login.name}: {whom}{seen}")
    if not found:
        typer.echo("Nobody yet. Give access with `forewarn access grant`.")
