"""`forewarn access`: logins that read schema bi or serve, and the key that signs the links of messages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psycopg2
import typer

from forewarn.cli.installation import chosen, current_settings, typed

app = typer.Typer(
    help="Who may read the warehouse's schema bi, which customers each sees, and what signs links.",
    no_args_is_help=True,
)


@app.command()
def grant(
    login: Annotated[str, typer.Argument(help="Name of the database login.")],
    *,
    manager: Annotated[
        str | None, typer.Option(help="See the customers of this account manager: e-mail, name or source|owner_id.")
    ] = None,
    every_customer: Annotated[bool, typer.Option("--every-customer", help="See every customer.")] = False,
    personal: Annotated[bool, typer.Option("--personal", help="See personal data of them all.")] = False,
    password_file: Annotated[
        Path | None,
        typer.Option(help="Take the password from this file; the login may be there already.", exists=True),
    ] = None,
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
        password=password_file.read_text(encoding="utf-8").strip() if password_file else None,
        dry_run=dry_run,
    )
    if dry_run:
        typer.echo(f"would give {login} {'a new password and ' if password else ''}access to schema bi")
    elif password is None:
        typer.echo(f"{login} has its new access; its password stays.")
    else:
        shown = f"in {password_file}" if password_file else f"shown this once: {password}"
        typer.echo(f"{login} may read schema bi. Its password, {shown}")


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
    role: Annotated[str, typer.Option(help="loader, transformer, scorer, dispatcher or web.")],
    password_file: Annotated[
        Path | None,
        typer.Option(help="Take the password from this file; the login may be there already.", exists=True),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whether it could be created, and create nothing.")
    ] = False,
) -> None:
    """Create a login with fewer rights for the stages that land, build, score, or send, or for the workbench."""
    from forewarn.warehouse import access

    given = password_file.read_text(encoding="utf-8").strip() if password_file else None
    password = access.create_service(current_settings().warehouse_url, login, role, password=given, dry_run=dry_run)
    if dry_run:
        typer.echo(f"would create {login} as a {role}")
        return
    shown = f"in {password_file}" if password_file else f"shown this once: {password}"
    typer.echo(f"{login} is a {role}. Its password, {shown}")
    typer.echo(f"Put its URL into FOREWARN_{role.upper()}_URL.")


@app.command("rotate-link-key")
def rotate_link_key(
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Forget the former keys: every link that was sent stops working.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change no key.")] = False,
) -> None:
    """Sign the links of messages with a new key from now on; those sent before work until they end."""
    from forewarn.local.link_key import rotate

    kept = rotate(chosen().home, revoke=revoke, dry_run=dry_run)
    would = "would sign" if dry_run else "signs"
    typer.echo(f"A new key {would}, {kept} former {'one is' if kept == 1 else 'ones are'} still known.")
    if not dry_run:
        typer.echo(typed("Start the workbench again: `forewarn up`."))


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
