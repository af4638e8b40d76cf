"""What people decide about identity: join, separate, undo; kept with who, when and why, and stronger than any match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

Key = tuple[str, str]


@dataclass(frozen=True)
class Decision:
    """One decision, with the accounts it concerns and, once it was undone, who undid it and why."""

    number: int
    action: str
    accounts: tuple[Key, ...]
    reason: str
    decided_by: str
    decided_at: datetime
    undone_by: str | None = None
    undone_at: datetime | None = None
    undone_reason: str | None = None


@dataclass(frozen=True)
class Member:
    """One account of a customer: what it is called, what joined it and how sure that is."""

    source: str
    account_id: str
    name: str | None
    matched_by: str
    reason: str
    score: float | None


@dataclass(frozen=True)
class Link:
    """A probable link of an account: to which other, how probable, on what grounds, and what becomes of it."""

    account: Key
    other: Key
    probability: float
    grounds: str
    state: str
    reason: str


@dataclass(frozen=True)
class Known:
    """What the warehouse knows about a customer's identity."""

    customer_id: str
    members: tuple[Member, ...]
    links: tuple[Link, ...]
    decisions: tuple[Decision, ...]


class Decisions:
    """The decisions of a warehouse; each takes effect with the next build."""

    def __init__(self, warehouse_url: str) -> None:
        self._url = warehouse_url

    def join(self, one: Key, other: Key, *, reason: str, by: str, now: datetime, dry_run: bool = False) -> int:
        """Make two accounts one customer, whatever else is known of them; return the decision's number.

        A dry run, as of the others, refuses what would be refused, and changes nothing.

        Raises
        ------
        Permanent
            An account is unknown, or both are the same.
        """
        if one == other:
            raise Permanent(
                f"join {_named(one)}",
                expected="two accounts",
                got="one twice",
                next_step="name the other account as source:number",
            )
        return self._decide("join", [(one, other)], reason=reason, by=by, now=now, dry_run=dry_run)

    def separate(self, accounts: Sequence[Key], *, reason: str, by: str, now: datetime, dry_run: bool = False) -> int:
        """Make accounts a customer of their own, together and without any other; return the decision's number.

        No match joins them to others from now on, only a later `join`.

        Raises
        ------
        Permanent
            An account is unknown, or none is named.
        """
        apart: list[tuple[Key, Key | None]] = [(account, None) for account in dict.fromkeys(accounts)]
        together: list[tuple[Key, Key | None]] = [(apart[0][0], other) for other, _ in apart[1:]] if apart else []
        return self._decide("separate", apart + together, reason=reason, by=by, now=now, dry_run=dry_run)

    def undo(self, number: int, *, reason: str, by: str, now: datetime, dry_run: bool = False) -> Decision:
        """Take a decision back; it stays on record. Returns it.

        Raises
        ------
        Permanent
            There is no such decision, or it was undone before.
        """
        with connect(self._url, application="forewarn identity") as session, session, session.cursor() as cursor:
            cursor.execute(
                "update identity.decision set undone_by = %s, undone_at = %s, undone_reason = %s"
                " where decision = %s and undone_at is null",
                [by, now, _reason(reason), number],
            )
            if not cursor.rowcount:
                raise Permanent(
                    f"decision {number}",
                    expected="the number of a decision that stands",
                    got="none of that number, or one that was undone",
                    next_step="see `forewarn identity list`",
                )
            (undone,) = _read(cursor, "where decision = %s", [number])
            if dry_run:
                session.rollback()
        return undone

    def list(self, *, everything: bool = False) -> list[Decision]:
        """Return the decisions that stand, or all that were ever taken, oldest first."""
        with connect(self._url, application="forewarn identity") as session, session.cursor() as cursor:
            return _read(cursor, "" if everything else "where undone_at is null", [])

    def show(self, wanted: str) -> Known:
        """Return what is known about a customer, by its id or by one of its accounts (`source:number`).

        Raises
        ------
        Permanent
            Neither a customer nor an account of that name.
        """
        with connect(self._url, application="forewarn identity") as session, session.cursor() as cursor:
            customer = _customer(cursor, wanted)
            cursor.execute(
                "select i.source, i.account_id, a.name, i.matched_by, i.reason, i.score"
                " from intermediate.int_account_identity as i"
                " left join staging.stg_accounts as a using (source, account_id)"
                " where i.customer_id = %s order by i.source, i.account_id",
                [customer],
            )
            members = tuple(Member(*row) for row in cursor.fetchall())
            keys = tuple((member.source, member.account_id) for member in members)
            cursor.execute(
                "select source, account_id, other_source, other_account_id, probability, grounds, state, reason"
                " from identity.link where (source, account_id) in %(keys)s"
                " or (other_source, other_account_id) in %(keys)s order by probability desc, 1, 2, 3, 4",
                {"keys": keys},
            )
            links = tuple(Link((a, b), (c, d), *rest) for a, b, c, d, *rest in cursor.fetchall())
            numbers = (
                "where decision in (select decision from identity.decision where (source, account_id) in %(keys)s"
                " or (other_source, other_account_id) in %(keys)s)"
            )
            return Known(customer, members, links, tuple(_read(cursor, numbers, {"keys": keys})))

    def _decide(
        self,
        action: str,
        lines: Sequence[tuple[Key, Key | None]],
        *,
        reason: str,
        by: str,
        now: datetime,
        dry_run: bool,
    ) -> int:
        because = _reason(reason)
        with connect(self._url, application="forewarn identity") as session, session, session.cursor() as cursor:
            for account in dict.fromkeys(key for line in lines for key in line if key):
                _known(cursor, account)
            if not lines:
                raise Permanent(action, expected="at least one account", got="none", next_step="name source:number")
            number = _record(cursor, action, lines, reason=because, by=by, now=now)
            if dry_run:
                session.rollback()
        return number


def keep_together(cursor: extensions.cursor, accounts: Sequence[Key], *, reason: str, by: str, now: datetime) -> int:
    """Decide in the caller's transaction that accounts stay the customer that they are; return the decision's number.

    For accounts whose words are about to go, so that nothing could tell any longer that they are one.
    """
    first, *others = accounts
    lines: list[tuple[Key, Key | None]] = [(account, None) for account in accounts]
    return _record(cursor, "separate", [*lines, *((first, other) for other in others)], reason=reason, by=by, now=now)


def _record(
    cursor: extensions.cursor,
    action: str,
    lines: Sequence[tuple[Key, Key | None]],
    *,
    reason: str,
    by: str,
    now: datetime,
) -> int:
    # Numbers are given one after the other.
    cursor.execute("lock table identity.decision in exclusive mode")
    cursor.execute("select coalesce(max(decision), 0) + 1 from identity.decision")
    number = int((cursor.fetchone() or (1,))[0])
    execute_values(
        cursor,
        "insert into identity.decision (decision, line, action, source, account_id, other_source,"
        " other_account_id, reason, decided_by, decided_at) values %s",
        [
            (number, place, "join" if other else "separate", *one, *(other or (None, None)), reason, by, now)
            for place, (one, other) in enumerate(lines, start=1)
        ],
    )
    return number


def parse(text: str) -> Key:
    """Return source and number of an account written as `source:number`.

    Raises
    ------
    Permanent
        It is not written so.
    """
    source, colon, account_id = text.partition(":")
    if not (source and colon and account_id):
        raise Permanent(f"account {text}", expected="source:number", got=text, next_step="write it like crm:C0000042")
    return source, account_id


def _read(cursor: extensions.cursor, where: str, values: Any) -> list[Decision]:
    cursor.execute(
        "select decision, line, action, source, account_id, other_source, other_account_id, reason, decided_by,"
        f" decided_at, undone_by, undone_at, undone_reason from identity.decision {where} order by decision, line",
        values,
    )
    found: dict[int, Decision] = {}
    for number, _, action, source, account_id, other, other_id, *rest in cursor.fetchall():
        named = [(source, account_id)] + ([(other, other_id)] if other else [])
        known = found.get(number)
        accounts = dict.fromkeys([*(known.accounts if known else ()), *named])
        found[number] = Decision(number, known.action if known else action, tuple(accounts), *rest)
    return list(found.values())


def _customer(cursor: extensions.cursor, wanted: str) -> str:
    cursor.execute("select to_regclass('intermediate.int_account_identity') is not null")
    if (cursor.fetchone() or (False,))[0]:
        if ":" in wanted:
            cursor.execute(
                "select customer_id from intermediate.int_account_identity where (source, account_id) = %s",
                [parse(wanted)],
            )
        else:
            cursor.execute(
                "select customer_id from intermediate.int_account_identity where customer_id = %s limit 1", [wanted]
            )
        if row := cursor.fetchone():
            return str(row[0])
    raise Permanent(
        wanted,
        expected="a customer_id, or an account as source:number",
        got="nothing of that name in the last build",
        next_step="look into marts.customer_crosswalk, or build with `forewarn run`",
    )


def _known(cursor: extensions.cursor, account: Key) -> None:
    cursor.execute("select to_regclass('intermediate.int_account_identity') is not null")
    built = (cursor.fetchone() or (False,))[0]
    if built:
        cursor.execute("select from intermediate.int_account_identity where (source, account_id) = %s", [account])
    if not built or not cursor.rowcount:
        raise Permanent(
            f"account {_named(account)}",
            expected="an account of the last build",
            got="none of that number",
            next_step="look into marts.customer_crosswalk; an account is written source:number",
        )


def _named(account: Key) -> str:
    return ":".join(account)


def _reason(text: str) -> str:
    if not text.strip():
        raise Permanent("decision", expected="a reason", got="none", next_step="say why with --reason")
    return text.strip()
