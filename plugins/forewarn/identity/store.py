"""Accounts, links and models of identity in the warehouse; everything within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from psycopg2 import extensions
from psycopg2.extras import Json, execute_values

from forewarn.identity.records import COLUMNS, VERSION, Account, Record
from forewarn.identity.resolve import Pair, Verdict

BATCH = 5_000
Key = tuple[str, str]

# What the source says of each account, with a digest of it and of the version that spells it.
TOLD = """
create temporary table told on commit drop as
with people as (
    select
        account_source as source,
        account_id,
        array_agg(distinct email order by email) filter (where email <> '') as emails,
        array_agg(distinct phone order by phone) filter (where phone <> '') as phones
    from staging.stg_contacts
    group by account_source, account_id
),
whole as (
    select
        a.source, a.account_id, a.name, a.email, a.email_domain, a.phone, a.tax_id, a.country, a.city, a.street,
        a.postcode, p.emails, p.phones
    from staging.stg_accounts as a
    left join people as p using (source, account_id)
)
select whole.*, md5(whole::text || %(version)s) as digest from whole
"""
CHANGED = """
create temporary table changed on commit drop as
select told.* from told
left join identity.record as r using (source, account_id)
where r.digest is distinct from told.digest or %(full)s
"""
SCHEMA = pa.schema(
    [("number", pa.int64()), ("changed", pa.bool_())]
    + [(name, pa.list_(pa.string()) if name in ("emails", "phones", "keys") else pa.string()) for name in COLUMNS[2:]]
)


def count_accounts(cursor: extensions.cursor, *, shared_limit: int) -> tuple[int, list[str], list[str], list[str]]:
    """Return how many accounts there are, and what more of them share than one customer may.

    Returns
    -------
    accounts : int
    domains : list of str
        A mail provider's that no list knows: they say of nobody who they are.
    labels : list of str
        What stands before the ending of a domain: that of a host whose customers have each their own below it.
    fillers : list of str
        Telephone numbers, addresses of mail, and streets with their place (`street|postcode`, or the city), in small
        letters: what stands where nobody knew better.
    """
    cursor.execute(
        """
        with domains as (
            select lower(coalesce(nullif(email_domain, ''), split_part(email, '@', 2))) as domain, count(*) as n
            from staging.stg_accounts group by 1
        ),
        labels as (
            select substring(domain from '([^./]+)[.][^./]+/?$') as label, sum(n) as n from domains group by 1
        ),
        fillers as (
            select lower(btrim(value)) as value, count(*) as n
            from staging.stg_accounts
            cross join lateral unnest(
                array[phone, email, btrim(street) || '|' || btrim(coalesce(nullif(postcode, ''), city, ''))]
            ) as value
            group by 1
        )
        select
            (select coalesce(sum(n), 0) from domains)::bigint,
            (select array_agg(domain) from domains where domain <> '' and n > %(limit)s),
            (select array_agg(label) from labels where label <> '' and n > %(limit)s),
            (select array_agg(value) from fillers where value <> '' and n > %(limit)s)
        """,
        {"limit": shared_limit},
    )
    accounts, *shared = cursor.fetchone() or (0, None, None, None)
    domains, labels, fillers = (list(one or ()) for one in shared)
    return int(accounts), domains, labels, fillers


def find_changed(cursor: extensions.cursor, *, settings: str, full: bool) -> tuple[int, int, int]:
    """Find accounts that are new or that their source tells differently, and forget those that are gone.

    Returns
    -------
    accounts, changed, gone : int
    """
    cursor.execute(TOLD, {"version": f"{VERSION} {settings}"})
    accounts = cursor.rowcount
    cursor.execute(CHANGED, {"full": full})
    changed = cursor.rowcount
    cursor.execute("analyze changed")
    cursor.execute(
        "delete from identity.record as r where not exists"
        " (select from told where (told.source, told.account_id) = (r.source, r.account_id))"
    )
    gone = cursor.rowcount
    if gone or changed:
        # The links of what is gone or compared anew; the others stand.
        cursor.execute(
            """
            with standing as (
                select told.source, told.account_id from told
                left join changed as c using (source, account_id)
                where c.source is null
            )
            delete from identity.link as l
            where (l.source, l.account_id) not in (select source, account_id from standing)
               or (l.other_source, l.other_account_id) not in (select source, account_id from standing)
            """
        )
    return accounts, changed, gone


def read_changed(cursor: extensions.cursor) -> Iterator[tuple[Account, str]]:
    """Yield the accounts that `find_changed` found, with the digest of each."""
    cursor.execute(
        "declare reading no scroll cursor for select source, account_id, name, email, email_domain, phone, tax_id,"
        " country, city, street, postcode, coalesce(emails, '{}'), coalesce(phones, '{}'), digest from changed"
    )
    while True:
        cursor.execute(f"fetch {BATCH} from reading")
        rows = cursor.fetchall()
        if not rows:
            break
        for *values, digest in rows:
            yield Account(*values), digest
    cursor.execute("close reading")


def write_records(cursor: extensions.cursor, records: Iterable[tuple[Record, str]]) -> None:
    """Insert records with their digests, or replace what was known of the accounts."""
    rest = [*COLUMNS[2:], "digest"]
    execute_values(
        cursor,
        f"insert into identity.record ({', '.join([*COLUMNS, 'digest'])}) values %s on conflict (source, account_id)"
        f" do update set {', '.join(f'{name} = excluded.{name}' for name in rest)}",
        ([*(getattr(record, name) for name in COLUMNS), digest] for record, digest in records),
        page_size=BATCH,
    )


def read_neighbours(cursor: extensions.cursor, *, whole: bool, limit: int) -> Iterator[tuple[list[Key], pa.Table]]:
    """Yield, in batches, the changed accounts and those that share a key with one; numbered in the order they come.

    Parameters
    ----------
    whole : bool
        Read every account: a full comparison, or so many changes that looking for neighbours is no gain.
    limit : int
        Keys of more accounts bring nobody.
    """
    if whole:
        cursor.execute(
            "create temporary table near on commit drop as select r.*, c.source is not null as changed"
            " from identity.record as r left join changed as c using (source, account_id)"
        )
    else:
        cursor.execute(
            """
            create temporary table near on commit drop as
            with keys as (
                select distinct unnest(r.keys) as key from identity.record as r join changed using (source, account_id)
            ),
            few as (
                select r.source, r.account_id from keys
                cross join lateral (
                    select r.source, r.account_id, count(*) over () as sharing from (
                        select r.source, r.account_id from identity.record as r
                        where r.keys @> array[keys.key] limit %(limit)s + 1
                    ) as r
                ) as r
                where r.sharing <= %(limit)s
                union
                select source, account_id from changed
            )
            select r.*, c.source is not null as changed from identity.record as r
            join few using (source, account_id)
            left join changed as c using (source, account_id)
            """,
            {"limit": limit},
        )
    names = COLUMNS[2:]
    cursor.execute(
        f"declare nearing no scroll cursor for select source, account_id, changed, {', '.join(names)} from near"
        " order by source, account_id"
    )
    number = 0
    while True:
        cursor.execute(f"fetch {BATCH} from nearing")
        rows = cursor.fetchall()
        if not rows:
            break
        columns = list(zip(*rows, strict=True))
        numbers = range(number, number + len(rows))
        number += len(rows)
        yield (
            [(source, account_id) for source, account_id, *_ in rows],
            pa.table(dict(zip(SCHEMA.names, [pa.array(numbers), *columns[2:]], strict=True)), schema=SCHEMA),
        )
    cursor.execute("close nearing")


def read_frequencies(cursor: extensions.cursor) -> pa.Table:
    """Return how frequent the names of the accounts that were just read are among all accounts."""
    cursor.execute(
        "select name, count(*)::float8 / (select count(*) from identity.record) from identity.record"
        " where name in (select name from near) group by name order by name"
    )
    rows = cursor.fetchall()
    return pa.table(
        {
            "name": pa.array([row[0] for row in rows], pa.string()),
            "tf_name": pa.array([row[1] for row in rows], pa.float64()),
        }
    )


def newest_model(cursor: extensions.cursor) -> tuple[str, dict[str, Any], int] | None:
    """Return the fingerprint, the settings and the number of accounts of the newest model."""
    cursor.execute("select fingerprint, settings, accounts from identity.model order by model_id desc limit 1")
    return cursor.fetchone()


def write_model(
    cursor: extensions.cursor, *, fingerprint: str, settings: dict[str, Any], basis: str, accounts: int, now: datetime
) -> None:
    """Add a model; it is the newest from now on."""
    cursor.execute(
        "insert into identity.model (fingerprint, settings, basis, accounts, learnt_at) values (%s, %s, %s, %s, %s)",
        [fingerprint, Json(settings), basis, accounts, now],
    )


def write_links(cursor: extensions.cursor, links: Iterable[tuple[Key, Key, float, str]], *, now: datetime) -> None:
    """Add links; what is to become of them is settled afterwards."""
    execute_values(
        cursor,
        "insert into identity.link (source, account_id, other_source, other_account_id, probability, grounds, state,"
        " reason, compared_at) values %s",
        ((*one, *other, probability, grounds, "possible", "", now) for one, other, probability, grounds in links),
        page_size=BATCH,
    )


def read_links(cursor: extensions.cursor) -> tuple[list[Key], list[Pair], list[Verdict]]:
    """Return the accounts that have links by number, every link as a pair of numbers, and what became of it so far."""
    cursor.execute(
        "select source, account_id, other_source, other_account_id, probability, state, reason from identity.link"
        " order by 1, 2, 3, 4"
    )
    accounts: dict[Key, int] = {}
    pairs: list[Pair] = []
    verdicts: list[Verdict] = []
    for source, account_id, other, other_id, probability, *verdict in cursor.fetchall():
        lower = accounts.setdefault((source, account_id), len(accounts))
        pairs.append(Pair(lower, accounts.setdefault((other, other_id), len(accounts)), probability))
        verdicts.append((verdict[0], verdict[1]))
    return list(accounts), pairs, verdicts


def read_certainties(
    cursor: extensions.cursor, accounts: Sequence[Key]
) -> tuple[list[list[Key]], dict[Key, str], set[Key]]:
    """Return what is certain about some accounts and about those that evidence ties to them.

    Returns
    -------
    groups : list of lists of accounts
        Accounts that share a piece of deterministic evidence.
    tax_ids : dict
    apart : set
        Accounts that a person has set apart.
    """
    cursor.execute(
        "create temporary table tied (source text, account_id text, primary key (source, account_id)) on commit drop"
    )
    execute_values(cursor, "insert into tied values %s", accounts, page_size=BATCH)
    while True:
        # A customer of accounts that are tied one by one is followed to its end.
        cursor.execute(
            "insert into tied select distinct e.source, e.account_id from staging.stg_account_evidence as e"
            " where e.evidence in (select own.evidence from staging.stg_account_evidence as own"
            " join tied using (source, account_id)) on conflict do nothing"
        )
        if not cursor.rowcount:
            break
    cursor.execute(
        "select array_agg(source order by source, account_id), array_agg(account_id order by source, account_id)"
        " from staging.stg_account_evidence join tied using (source, account_id) group by evidence order by evidence"
    )
    groups = [list(zip(sources, numbers, strict=True)) for sources, numbers in cursor.fetchall()]
    cursor.execute(
        "select source, account_id, tax_id from identity.record join tied using (source, account_id)"
        " where tax_id is not null"
    )
    tax_ids = {(source, account_id): tax_id for source, account_id, tax_id in cursor.fetchall()}
    cursor.execute("select source, account_id from identity.decision where action = 'separate' and undone_at is null")
    return groups, tax_ids, set(cursor.fetchall())


def settle(cursor: extensions.cursor, links: Iterable[tuple[Key, Key, Verdict]]) -> None:
    """Write what becomes of links."""
    execute_values(
        cursor,
        "update identity.link as l set state = v.state, reason = v.reason"
        " from (values %s) as v (source, account_id, other_source, other_account_id, state, reason)"
        " where (l.source, l.account_id, l.other_source, l.other_account_id)"
        " = (v.source, v.account_id, v.other_source, v.other_account_id)",
        ((*one, *other, *verdict) for one, other, verdict in links),
        page_size=BATCH,
    )
