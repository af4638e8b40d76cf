"""`forewarn account`: who may log in to the workbench."""

from __future__ import annotations

import getpass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from forewarn.cli.changing import change
from forewarn.cli.installation import current_settings
from forewarn.cli.model import DryRun
from forewarn.cli.screen import screen

if TYPE_CHECKING:
    from psycopg2 import extensions

app = typer.Typer(help="Who may log in to the workbench, and as what.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="E-mail address, with which the person logs in.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="Take the password from this file; else one is made up and shown once.", exists=True)
]


class Roles(StrEnum):
    """What an account may be."""

    MANAGER = "manager"
    LEAD = "lead"
    OPERATIONS = "operations"
    ADMIN = "admin"


@app.command()
def add(
    email: Email,
    *,
    name: Annotated[str, typer.Option(help="Name of the person.")],
    role: Annotated[Roles, typer.Option(help="A manager sees their own customers, a lead and an admin every one.")],
    manager: Annotated[
        list[str] | None,
        typer.Option(
            help="Account manager whose customers it sees, by e-mail, name or source|owner_id; may be repeated."
            " A manager's own by default; a lead with none sees every customer."
        ),
    ] = None,
    locale: Annotated[str, typer.Option(help="Language of the pages: en or zh_CN.")] = "en",
    password_file: PasswordFile = None,
    without_password: Annotated[
        bool, typer.Option("--without-password", help="Only the company's identity provider lets the person in.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Let a person log in."""
    from forewarn.workbench import accounts

    password = None if without_password else _password(password_file)

    def add_account(cursor: extensions.cursor, now: datetime) -> None:
        accounts.add(
            cursor,
            email,
            name=name,
            role=role.value,
            locale=locale,
            managers=manager or [],
            password=password,
            by=getpass.getuser(),
            now=now,
        )

    change(add_account, dry_run=dry_run)
    shown = f" Password, shown this once: {password}" if password and not password_file else ""
    typer.echo(f"would add {email}" if dry_run else f"{email} may log in as {role.value}.{shown}")


@app.command("list")
def list_() -> None:
    """Show every account."""
    from forewarn.warehouse.engine import connect
    from forewarn.workbench import accounts

    table = Table("account", "name", "role", "language", "sees the customers of", "password", "disabled")
    with connect(current_settings().warehouse_url) as connection, connection.cursor() as cursor:
        for one in accounts.accounts(cursor):
            every = {"lead": "everybody", "admin": "everybody"}.get(one.role, "nobody")
            sees = every if one.role == "admin" else ", ".join(one.managers) or every
            until = "" if one.disabled_at is None else f"{one.disabled_at:%Y-%m-%d}"
            table.add_row(one.email, one.name, one.role, one.locale, sees, "yes" if one.has_password else "no", until)
    screen().print(table)


@app.command()
def password(email: Email, password_file: PasswordFile = None, dry_run: DryRun = False) -> None:
    """Give an account another password, and end its sessions."""
    from forewarn.workbench import accounts

    new, by = _password(password_file), getpass.getuser()
    change(lambda cursor, now: accounts.set_password(cursor, email, new, by=by, now=now), dry_run=dry_run)
    shown = "" if password_file else f" It is, shown this once: {new}"
    typer.echo(f"would change the password of {email}" if dry_run else f"{email} has a new password.{shown}")


@app.command()
def role(
    email: Email,
    role: Annotated[Roles, typer.Argument(help="The new role.")],
    manager: Annotated[
        list[str] | None, typer.Option(help="Account manager whose customers it sees; as for `account add`.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Give an account another role, and in place of those it saw the customers of these managers."""
    from forewarn.workbench import accounts

    by = getpass.getuser()
    change(
        lambda cursor, now: accounts.set_role(cursor, email, role.value, manager or [], by=by, now=now), dry_run=dry_run
    )
    typer.echo(f"{email} {'would be' if dry_run else 'is'} {role.value} now.")


@app.command()
def disable(email: Email, dry_run: DryRun = False) -> None:
    """Let a person log in no more, and end their sessions."""
    from forewarn.workbench import accounts

    by = getpass.getuser()
    changed = change(lambda cursor, now: accounts.disable(cursor, email, by=by, now=now), dry_run=dry_run)
    typer.echo(f"{email}: {'would be ' if dry_run else ''}disabled" if changed else "nothing changed")


@app.command()
def enable(email: Email, dry_run: DryRun = False) -> None:
    """Let a person whose account was disabled log in again."""
    from forewarn.workbench import accounts

    by = getpass.getuser()
    changed = change(lambda cursor, now: accounts.enable(cursor, email, by=by, now=now), dry_run=dry_run)
    typer.echo(f"{email}: {'would be ' if dry_run else ''}enabled" if changed else "nothing changed")


def _password(file: Path | None) -> str:
    from forewarn.workbench.accounts import new_password

    return file.read_text(encoding="utf-8").strip() if file else new_password()
