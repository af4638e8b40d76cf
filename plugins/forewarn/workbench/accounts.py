"""Accounts of the workbench: who may log in, as what, and whose customers each sees.

The warehouse's owner changes them on the command line, and an admin on the page, by the policies of `desk`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from argon2 import PasswordHasher
from psycopg2 import extensions

from forewarn.alerts.addresses import is_address
from forewarn.alerts.language import CATALOGS
from forewarn.errors import Permanent
from forewarn.warehouse.access import owner_key
from forewarn.workbench.pool import Role

SHORTEST_PASSWORD = 12


@dataclass(frozen=True)
class Account:
    """An account as it stands; `managers` are the keys, `source|owner_id`, whose customers it sees."""

    email: str
    name: str
    role: Role
    locale: str
    managers: tuple[str, ...]
    has_password: bool
    disabled_at: datetime | None


def add(
    cursor: extensions.cursor,
    email: str,
    *,
    name: str,
    role: str,
    locale: str,
    managers: Sequence[str],
    password: str | None,
    by: str,
    now: datetime,
) -> None:
    """Add an account; the caller commits.

    Parameters
    ----------
    managers
        E-mail, name or key of account managers; of a manager the account's own address where none is given.
    password
        None where only the company's identity provider lets the person in.

    Raises
    ------
    Permanent
        The account is there, or something of it cannot be meant.
    """
    email = email.lower()
    if not is_address(email):
        raise Permanent("account", expected="an e-mail address", got=email)
    _demand_role(email, role, managers)
    if locale.replace("-", "_").partition("_")[0] not in CATALOGS:
        raise Permanent(f"account {email}", expected=f"a language: {', '.join(CATALOGS)}", got=locale)
    cursor.execute(
        "insert into workbench.account (email, name, role, locale, password_hash, created_at)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (email) do nothing returning account_id",
        [email, name, role, locale, password and hashed(password), now],
    )
    row = cursor.fetchone()
    if row is None:
        raise Permanent(
            f"account {email}",
            expected="a new one",
            got="one that is there",
            next_step="see `forewarn account list`",
        )
    _see(cursor, row[0], email, role, managers)
    _note(cursor, row[0], "added", by, now)


def set_role(
    cursor: extensions.cursor, email: str, role: str, managers: Sequence[str], *, by: str, now: datetime
) -> None:
    """Give an account another role, and the customers of other managers in place of those it saw; the caller commits.

    Parameters
    ----------
    managers
        As for `add`.

    Raises
    ------
    Permanent
        There is no such account, or something of it cannot be meant.
    """
    number = _number(cursor, email)
    _demand_role(email, role, managers)
    cursor.execute("update workbench.account set role = %s where account_id = %s", [role, number])
    cursor.execute("delete from workbench.account_owner where account_id = %s", [number])
    _see(cursor, number, email, role, managers)
    _note(cursor, number, "role", by, now)


def set_password(cursor: extensions.cursor, email: str, password: str, *, by: str, now: datetime) -> None:
    """Give an account another password and end its sessions; the caller commits.

    Raises
    ------
    Permanent
        There is no such account, or the password is too short.
    """
    number = _number(cursor, email)
    cursor.execute("update workbench.account set password_hash = %s where account_id = %s", [hashed(password), number])
    _end_sessions(cursor, number)
    _note(cursor, number, "password", by, now)


def disable(cursor: extensions.cursor, email: str, *, by: str, now: datetime) -> bool:
    """Let an account log in no more and end its sessions; False where it is so already. The caller commits.

    Raises
    ------
    Permanent
        There is no such account.
    """
    number = _number(cursor, email)
    cursor.execute(
        "update workbench.account set disabled_at = %s where account_id = %s and disabled_at is null", [now, number]
    )
    if not cursor.rowcount:
        return False
    _end_sessions(cursor, number)
    _note(cursor, number, "disabled", by, now)
    return True


def enable(cursor: extensions.cursor, email: str, *, by: str, now: datetime) -> bool:
    """Let a disabled account log in again; False where it may already. The caller commits.

    Raises
    ------
    Permanent
        There is no such account.
    """
    number = _number(cursor, email)
    cursor.execute(
        "update workbench.account set disabled_at = null where account_id = %s and disabled_at is not null", [number]
    )
    if not cursor.rowcount:
        return False
    _note(cursor, number, "enabled", by, now)
    return True


def accounts(cursor: extensions.cursor) -> list[Account]:
    """Return every account, by address."""
    cursor.execute(
        "select a.email, a.name, a.role, a.locale,"
        " array(select owner_key from workbench.account_owner as o where o.account_id = a.account_id order by 1),"
        " a.password_hash is not null, a.disabled_at from workbench.account as a order by a.email"
    )
    return [
        Account(email, name, role, locale, tuple(managers), has_password, disabled_at)
        for email, name, role, locale, managers, has_password, disabled_at in cursor.fetchall()
    ]


def new_password() -> str:
    """Return a password that nobody has chosen."""
    return secrets.token_urlsafe(15)


def hashed(password: str) -> str:
    """Return a password's Argon2id hash.

    Raises
    ------
    Permanent
        It is too short.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise Permanent("password", expected=f"at least {SHORTEST_PASSWORD} characters", got=str(len(password)))
    return PasswordHasher().hash(password)


def _demand_role(email: str, role: str, managers: Sequence[str]) -> None:
    if role not in get_args(Role):
        raise Permanent(f"account {email}", expected=f"a role: {', '.join(get_args(Role))}", got=role)
    if managers and role not in ("manager", "lead"):
        raise Permanent(f"account {email}", expected="managers of a manager or a lead alone", got=f"role {role}")


def _see(cursor: extensions.cursor, account_id: int, email: str, role: str, managers: Sequence[str]) -> None:
    wanted = managers or ([email.lower()] if role == "manager" else [])
    for key in dict.fromkeys(owner_key(cursor, manager) for manager in wanted):
        cursor.execute("insert into workbench.account_owner values (%s, %s)", [account_id, key])


def _number(cursor: extensions.cursor, email: str) -> int:
    cursor.execute("select account_id from workbench.account where email = %s for update", [email.lower()])
    row = cursor.fetchone()
    if row is None:
        raise Permanent(f"account {email}", expected="an account", got="none", next_step="see `forewarn account list`")
    return int(row[0])


def _end_sessions(cursor: extensions.cursor, account_id: int) -> None:
    cursor.execute(
        "update workbench.session set ended_at = now() where account_id = %s and ended_at is null", [account_id]
    )


def _note(cursor: extensions.cursor, account_id: int, kind: str, by: str, now: datetime) -> None:
    cursor.execute(
        "insert into workbench.account_event (account_id, kind, by, happened_at) values (%s, %s, %s, %s)",
        [account_id, kind, by, now],
    )
