"""Logins that read schema bi: who they are, which customers they see, and what each may use of the server."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import sql
from psycopg2.extensions import cursor

from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

# What one login may use. The first and the last hold even against the login itself.
CONNECTIONS = 8
LIMITS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5min",
    "idle_in_transaction_session_timeout": "5min",
    "work_mem": "64MB",
    "search_path": "bi",
    "temp_file_limit": "4GB",
}


# Roles of stages that run with less than the owner's rights.
SERVICES = ("loader", "transformer", "scorer", "dispatcher", "web")
# What a service's login may become for one transaction, without having those rights otherwise (decision 0040).
BECOMES = {"web": ("desk", "rule_editor")}


@dataclass(frozen=True)
class Login:
    """One login and what it sees: `owners` are the account managers' keys, `source|owner_id`."""

    name: str
    sees_every_customer: bool
    sees_personal_data: bool
    owners: tuple[str, ...]


def grant(
    warehouse_url: str,
    login: str,
    *,
    manager: str | None,
    every_customer: bool,
    personal: bool,
    now: datetime,
    password: str | None = None,
    dry_run: bool = False,
) -> str | None:
    """Give a login access to bi, creating it if there is none; returns its password where that is new.

    Parameters
    ----------
    login : str
        Name of the login.
    manager : str or None
        E-mail, name or key (`source|owner_id`) of the account manager whose customers it sees.
    every_customer, personal : bool
        Sees every customer; sees personal data of all that it sees.
    now : datetime
        Aware; recorded with the grant.
    password : str, optional
        The login gets this one, whether it is there already or not; otherwise a new login gets a random one.
    dry_run : bool
        Refuse what would be refused, and change nothing; the password is then of no use.

    Raises
    ------
    Permanent
        Neither or both of a manager and every customer, an unknown or ambiguous manager, or a login that may do more
        than reading.
    """
    if (manager is None) != every_customer:
        raise Permanent(
            f"access of {login}",
            expected="either one account manager or every customer",
            got="both" if every_customer else "neither",
            next_step="name --manager, or give --every-customer",
        )
    with connect(warehouse_url, application="forewarn access") as session, session, session.cursor() as at:
        _close_database(at)
        password = _ensure_login(at, login, password)
        role = sql.Identifier(login)
        for name, wanted in (
            ("bi_reader", every_customer),
            ("account_manager", not every_customer),
            ("pii_reader", personal),
        ):
            verb = sql.SQL("grant {} to {}" if wanted else "revoke {} from {}")
            at.execute(verb.format(sql.Identifier(name), role))
        at.execute("delete from access.login where login = %s", [login])
        if manager is not None:
            at.execute("insert into access.login values (%s, %s, %s)", [login, owner_key(at, manager), now])
        if dry_run:
            session.rollback()
    return password


def revoke(warehouse_url: str, login: str, *, dry_run: bool = False) -> None:
    """Take a login away, and end its sessions; a dry run only says whether it could.

    Raises
    ------
    Permanent
        There is no such login of ours.
    """
    with connect(warehouse_url, application="forewarn access") as connection, connection, connection.cursor() as at:
        if login not in {known.name for known in _logins(at)}:
            raise Permanent(
                f"access of {login}",
                expected="a login that reads bi",
                got="none of that name",
                next_step="see `forewarn access list`",
            )
        if dry_run:
            return
        at.execute("delete from access.login where login = %s", [login])
        at.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [login])
        at.execute(sql.SQL("drop role {}").format(sql.Identifier(login)))


def create_service(
    warehouse_url: str, login: str, role: str, *, password: str | None = None, dry_run: bool = False
) -> str:
    """Create a login for the service of a role, and return its password; a dry run only says whether it could.

    With a password of one's own the login may be there already, if it is of that role: it gets the password.

    Raises
    ------
    Permanent
        There is no such role, or the login is there already.
    """
    if role not in SERVICES:
        raise Permanent(
            f"login {login}", expected=f"one of {', '.join(SERVICES)}", got=role, next_step="choose a role of a service"
        )
    with connect(warehouse_url, application="forewarn access") as connection, connection, connection.cursor() as at:
        at.execute(
            "select exists (select from pg_roles where rolname = %(login)s), exists (select from pg_auth_members"
            " where member = (select oid from pg_roles where rolname = %(login)s)"
            " and roleid = (select oid from pg_roles where rolname = %(role)s)), current_database()",
            {"login": login, "role": role},
        )
        known, of_role, database = at.fetchone() or (False, False, "")
        if known and (password is None or not of_role):
            raise Permanent(
                f"login {login}", expected="a new login", got="one of that name", next_step="choose another name"
            )
        password = password or secrets.token_urlsafe(18)
        name = sql.Identifier(login)
        verb = sql.SQL("alter role {} login password {}" if known else "create role {} login password {}")
        at.execute(verb.format(name, sql.Literal(password)))
        at.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), name))
        for other in BECOMES.get(role, ()):
            at.execute(sql.SQL("grant {} to {} with inherit false, set true").format(sql.Identifier(other), name))
        # Its queries sort in temporary tables; whoever only reads may not have any.
        at.execute(sql.SQL("grant connect, temporary on database {} to {}").format(sql.Identifier(database), name))
        at.execute(sql.SQL("revoke create on database {} from public").format(sql.Identifier(database)))
        if dry_run:
            connection.rollback()
    return password


def logins(warehouse_url: str) -> list[Login]:
    """Return who reads bi, by name."""
    with connect(warehouse_url, application="forewarn access") as connection, connection.cursor() as at:
        return _logins(at)


def _logins(at: cursor) -> list[Login]:
    at.execute(
        "select r.rolname, pg_has_role(r.oid, 'bi_reader', 'member'), pg_has_role(r.oid, 'pii_reader', 'member'),"
        " array(select owner_key from access.login where login = r.rolname order by 1)"
        " from pg_roles as r where r.rolcanlogin and not r.rolsuper and pg_has_role(r.oid, 'bi_access', 'usage')"
        " order by r.rolname"
    )
    return [Login(name, every, personal, tuple(owners)) for name, every, personal, owners in at.fetchall()]


def _close_database(at: cursor) -> None:
    """Take back what PostgreSQL gives to everybody in a database: schemas and temporary tables of one's own."""
    at.execute("select current_database()")
    database = sql.Identifier((at.fetchone() or ("",))[0])
    at.execute(sql.SQL("revoke create, temporary on database {} from public").format(database))
    # Those that land and build sort in temporary tables, whoever has logged in.
    at.execute(sql.SQL("grant temporary on database {} to loader, transformer").format(database))


def _ensure_login(at: cursor, login: str, password: str | None) -> str | None:
    at.execute(
        "select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls or not rolcanlogin,"
        " pg_has_role(oid, 'bi_access', 'usage') from pg_roles where rolname = %s",
        [login],
    )
    found = at.fetchone()
    if found and (found[0] or not found[1]):
        raise Permanent(
            f"access of {login}",
            expected="a new login, or one that `forewarn access grant` has made",
            got="a role that is there for something else",
            next_step="choose another name",
        )
    role = sql.Identifier(login)
    if found:
        if password is not None:
            at.execute(sql.SQL("alter role {} password {}").format(role, sql.Literal(password)))
        return password
    password = password or secrets.token_urlsafe(18)
    at.execute(
        sql.SQL("create role {} login password {} connection limit {}").format(
            role, sql.Literal(password), sql.Literal(CONNECTIONS)
        )
    )
    for name, value in LIMITS.items():
        at.execute(sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(name), sql.Literal(value)))
    return password


def owner_key(at: cursor, manager: str) -> str:
    """Return the key, `source|owner_id`, of an account manager by e-mail, name or key.

    Raises
    ------
    Permanent
        Nobody or several are meant.
    """
    at.execute(
        "select owner_key, name from workbench.managers() where %(manager)s in (owner_key, lower(email), email, name)"
        " order by 1",
        {"manager": manager},
    )
    owners = at.fetchall()
    if len(owners) != 1:
        raise Permanent(
            f"account manager {manager}",
            expected="the e-mail, name or key (source|owner_id) of one account manager",
            got="several: " + ", ".join(key for key, _ in owners) if owners else "nobody",
            next_step="choose one of the keys"
            if owners
            else "see staging.stg_owners, or run the warehouse build first",
        )
    return str(owners[0][0])
