"""Compare accounts and write the probable links: a night compares what is new or has changed with all the others."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg2 import extensions

from forewarn.config.identity import Identity
from forewarn.config.settings import Settings
from forewarn.identity import store, values
from forewarn.identity.records import VERSION, record
from forewarn.identity.resolve import LINKED, POSSIBLE, REFUSED, resolve
from forewarn.progress import Progress, untold
from forewarn.warehouse.engine import connect
from forewarn.warehouse.lock import BUILD, alone

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FREEMAIL = "dbt_project/seeds/staging/freemail_domains.csv"
GROWN = 2
"""So many times the accounts of the last full comparison, or so many times fewer, call for another."""
MANY = 0.2
"""From this share of changed accounts on, all are read at once instead of looking for the neighbours of each."""
KEYS_LIMIT = 100
"""Keys of more accounts are no way to find a twin: most of them would be compared with everybody for nothing."""
MEMORY = "2GB"
STEPS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LinkReport:
    """What a comparison did.

    Attributes
    ----------
    accounts, changed, gone : int
        Accounts in all; those that were compared; those that no source has any more.
    full : int
        1 when every account was compared.
    linked, possible, refused : int
        The links there are now, by what becomes of them; those of accounts that are one for certain left out.
    """

    accounts: int
    changed: int
    gone: int
    full: int
    linked: int
    possible: int
    refused: int


def link_accounts(
    settings: Settings,
    identity: Identity,
    *,
    now: datetime,
    full: bool = False,
    keep: bool = True,
    progress: Progress = untold,
) -> LinkReport:
    """Bring the probable links up to date with the accounts in staging.

    Parameters
    ----------
    full : bool
        Learn anew and compare every account with all others. It happens by itself the first time, when settings or
        spelling have changed, and when there are twice as many accounts as then, or half.
    keep : bool
        Without it the report is that of a real comparison, and the warehouse stays as it was.
    """
    with connect(settings.warehouse_url, application="forewarn link") as session:
        session.autocommit = True
        with alone(session, BUILD), session, session.cursor() as cursor:
            progress("reading what changed", 0, STEPS)
            known = store.newest_model(cursor)
            accounts, domains, labels, many = store.count_accounts(cursor, shared_limit=identity.shared_limit)
            freemail = _freemail(settings) | {found for name in domains if (found := values.domain(name))}
            hosts, fillers = frozenset(labels), frozenset(many)
            fingerprint = _fingerprint(identity, freemail | hosts | fillers)
            whole = full or known is None or known[0] != fingerprint or not _alike(accounts, known[2])
            accounts, changed, gone = store.find_changed(cursor, settings=fingerprint, full=whole)
            spelled = partial(
                record, freemail=freemail, hosts=hosts, fillers=fillers, default_country=identity.default_country
            )
            store.write_records(cursor, ((spelled(account), digest) for account, digest in store.read_changed(cursor)))
            cursor.execute("analyze identity.record")
            progress(f"comparing {changed:,} accounts", 1, STEPS)
            if changed:
                model = None if whole or known is None else known[1]
                _compare(cursor, identity, model, accounts, changed=changed, fingerprint=fingerprint, now=now)
            progress("deciding which links hold", 2, STEPS)
            _settle(cursor, identity)
            cursor.execute("select state, count(*) from identity.link group by state")
            counts: dict[str, int] = dict(cursor.fetchall())
            if not keep:
                session.rollback()
    return LinkReport(
        accounts=accounts,
        changed=changed,
        gone=gone,
        full=int(whole),
        linked=counts.get(LINKED, 0),
        possible=counts.get(POSSIBLE, 0),
        refused=counts.get(REFUSED, 0),
    )


def _compare(
    cursor: extensions.cursor,
    identity: Identity,
    model: dict[str, Any] | None,
    accounts: int,
    *,
    changed: int,
    fingerprint: str,
    now: datetime,
) -> None:
    """Compare the changed accounts, and without a model learn one first."""
    from forewarn.identity import model as likeness

    with _duckdb() as connection:
        keys = _load(cursor, connection, whole=model is None or changed > MANY * accounts)
        if model is None:
            model, basis = (
                likeness.learn(connection, accounts)
                if accounts >= identity.learn_from
                else (likeness.stated(accounts), f"stated priors; {accounts} accounts are too few to learn from")
            )
            _log.info("Links rest on %s", basis)
            store.write_model(cursor, fingerprint=fingerprint, settings=model, basis=basis, accounts=accounts, now=now)
        if _pair(connection):
            found = likeness.score(connection, model, least=identity.show_from)
            links = ((keys[lower], keys[higher], probability, grounds) for lower, higher, probability, grounds in found)
            store.write_links(cursor, links, now=now)


def _load(cursor: extensions.cursor, connection: DuckDBPyConnection, *, whole: bool) -> list[store.Key]:
    """Fill DuckDB's `record` and `frequency`; return the accounts by number."""
    accounts: list[store.Key] = []
    connection.register("nothing", store.SCHEMA.empty_table())
    connection.execute("create table record as select * from nothing")
    for names, batch in store.read_neighbours(cursor, whole=whole, limit=KEYS_LIMIT):
        accounts += names
        connection.register("batch", batch)
        connection.execute("insert into record select * from batch")
    connection.register("frequencies", store.read_frequencies(cursor))
    connection.execute("create table frequency as select * from frequencies")
    return accounts


def _pair(connection: DuckDBPyConnection) -> bool:
    """Fill DuckDB's `blocked` with the pairs that share a key and of which one has changed; return whether any does."""
    connection.execute(
        "create table key as select number, changed, unnest(keys) as key from record;"
        "create table few as select key from key group by key"
        f" having count(*) between 2 and {KEYS_LIMIT} and bool_or(changed);"
        "create table blocked as select distinct '0' as match_key, l.number as join_key_l, r.number as join_key_r"
        " from few join key as l using (key) join key as r on l.key = r.key and l.number < r.number"
        " where l.changed or r.changed"
    )
    return bool(connection.execute("select 1 from blocked limit 1").fetchall())


def _settle(cursor: extensions.cursor, identity: Identity) -> None:
    """Decide which of all links hold."""
    accounts, pairs, before = store.read_links(cursor)
    if not pairs:
        return
    groups, tax_ids, apart = store.read_certainties(cursor, accounts)
    number = {account: place for place, account in enumerate(accounts)}
    for group in groups:
        for account in group:
            number.setdefault(account, len(number))
    verdicts = resolve(
        pairs,
        [[number[account] for account in group] for group in groups],
        tax_ids={number[account]: tax_id for account, tax_id in tax_ids.items()},
        apart={number[account] for account in apart if account in number},
        threshold=identity.link_from,
        most=identity.shared_limit,
    )
    store.settle(
        cursor,
        (
            (accounts[pair.lower], accounts[pair.higher], verdict)
            for pair, old, verdict in zip(pairs, before, verdicts, strict=True)
            if verdict != old
        ),
    )


def _duckdb() -> DuckDBPyConnection:
    import duckdb

    # One thread: sums in another order would give other last digits. Extensions would be fetched from outside.
    return duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": MEMORY,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )


def _alike(accounts: int, before: int) -> bool:
    return before <= GROWN * accounts and accounts <= GROWN * before


def _freemail(settings: Settings) -> frozenset[str]:
    with (settings.project / FREEMAIL).open(encoding="utf-8", newline="") as file:
        return frozenset(row["domain"] for row in csv.DictReader(file))


def _fingerprint(identity: Identity, freemail: frozenset[str]) -> str:
    from forewarn.identity.model import stated

    told = [VERSION, stated(1), identity.default_country, identity.learn_from, identity.show_from, sorted(freemail)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
