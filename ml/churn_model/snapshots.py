"""Training snapshots: features of mature as-of dates joined with what became of each customer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
from psycopg2 import extensions, sql

from churn_model.columns import demand_columns
from churn_model.contacts import contacted
from churn_model.features import NAMES
from churn_model.followup import follow, read_states
from churn_model.reader import Floats, read
from forewarn.config.project import Churn
from forewarn.errors import ModelRejected

EPOCH = date(2000, 1, 1)
MINIMUM_SNAPSHOTS = 1
MINIMUM_CUSTOMERS = 100
FEWEST_LEAVERS = 20  # of fewer, when they left says nothing of what a source tells
MAXIMUM_ROWS = 500_000
NOTHING = sql.SQL("")
PER_ROW = ("days", "features", "churned", "numbers", "event_days", "followed_days", "values", "contacted")


@dataclass(frozen=True)
class Snapshots:
    """Eligible customers on mature as-of dates: one row per customer and as-of date.

    Attributes
    ----------
    days : ndarray of int (n,)
        As-of date of each row, as days since 2000-01-01.
    features : ndarray of float (n, len(NAMES))
        NaN where unknown.
    churned : ndarray of int8 (n,)
        1 where the customer left within the label window `[as_of_date, as_of_date + horizon)`.
    horizon_days : int
        Length of the label window.
    customers : int
        Distinct customers.
    numbers : ndarray of int (n,)
        A number for the customer of each row, the same on every date.
    event_days, followed_days : ndarray (n,)
        Days to the next purchase (non-contractual) or to the end of the contract, inf where it was not seen, and days
        through which the row was followed. Empty where nothing is known of it.
    values : ndarray (n,)
        What is at stake, in the project's currency; NaN where unknown, empty where it is of none.
    contacted : ndarray of bool (n,)
        Of whom a message was sent within the label window; empty where nothing is known of it.
    snapshot_days : int
        Spacing of the as-of dates.
    event_is_churn : bool
        Whether the event is the end of a contract; a purchase otherwise.
    unripe : dict of date to int
        Eligible customers of the dates whose label windows are still open: they are none of the rows.
    """

    days: npt.NDArray[np.int64]
    features: Floats
    churned: npt.NDArray[np.int8]
    horizon_days: int
    customers: int
    numbers: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    event_days: Floats = field(default_factory=lambda: np.zeros(0))
    followed_days: Floats = field(default_factory=lambda: np.zeros(0))
    values: Floats = field(default_factory=lambda: np.zeros(0))
    contacted: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    snapshot_days: int = 30
    event_is_churn: bool = False
    unripe: Mapping[date, int] = field(default_factory=dict)

    @property
    def dates(self) -> list[date]:
        """The as-of dates, oldest first."""
        return [EPOCH + timedelta(days=int(day)) for day in np.unique(self.days)]

    def rows(self, where: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.int8]]:
        """Return features and labels of some rows."""
        return self.features[where], self.churned[where]

    def take(self, where: npt.NDArray[np.bool_], *, until: date | None = None) -> Snapshots:
        """Return some rows; with `until`, what was seen of them from that day on is forgotten."""
        per_row = {name: values[where] if len(values := getattr(self, name)) else values for name in PER_ROW}
        if until and len(per_row["followed_days"]):
            left = (until - EPOCH).days - per_row["days"]
            per_row["event_days"] = np.where(per_row["event_days"] <= left, per_row["event_days"], np.inf)
            per_row["followed_days"] = np.minimum(per_row["followed_days"], left)
        return replace(self, **per_row, customers=len(np.unique(per_row["numbers"])) or self.customers)

    def lead_days(self) -> Floats:
        """Return days (n,) from the as-of date to the day on which a leaver would count as gone anyway.

        To the end of the contract as far as it was seen; without contracts, to the day on which the silence is as long
        as the horizon.
        """
        if self.event_is_churn:
            ended = self.event_days if len(self.event_days) else np.full(len(self.days), np.inf)
            return np.minimum(ended, self.horizon_days)
        silent = np.nan_to_num(self.features[:, NAMES.index("days_since_last_order")])
        return np.maximum(self.horizon_days - silent, 0)

    def sha256(self) -> str:
        """Return a hash of everything a model may learn from, for lineage."""
        digest = hashlib.sha256()
        for part in (self.days, self.features, self.churned):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def read_snapshots(
    connection: extensions.connection, churn: Churn, *, as_of_date: date, most: int | None = None
) -> Snapshots:
    """Read the eligible customers of every as-of date whose label window had closed by `as_of_date`.

    Rows are ordered by as-of date and customer, so that the same history trains the same model. Above `most`, by
    default `MAXIMUM_ROWS`, a fixed share of the customers is taken, whole: which ones depends on their number alone.

    Raises
    ------
    ModelRejected
        Too little history, too few customers, or nobody (or everybody) left.
    """
    demand_columns(connection, NAMES)
    total = _count(connection, churn, as_of_date)
    keep = min(1.0, (most or MAXIMUM_ROWS) / total) if total else 1.0
    share = sql.SQL("mod(hashtextextended(f.customer_id, 0) & 9223372036854775807, 10000) < {}").format(
        sql.Literal(round(keep * 10_000))
    )
    value, valued = at_stake(connection, churn)
    query = sql.SQL(
        "select f.customer_id, f.as_of_date - date '2000-01-01' as day, l.churned::int as churned, {value} as value,"
        " (asked.customer_id is not null)::int as contacted, {columns} {rows} and {share}"
        " order by f.as_of_date, f.customer_id"
    ).format(
        value=value,
        columns=sql.SQL(", ").join(sql.SQL("f.{}").format(sql.Identifier(name)) for name in NAMES),
        rows=_mature(churn, as_of_date, valued + _asked(churn, as_of_date)),
        share=share,
    )
    keys, numbers = read(
        connection, query, keys=["customer_id"], numbers=["day", "churned", "value", "contacted", *NAMES]
    )
    known, places = np.unique(keys["customer_id"], return_inverse=True)
    dates = [day for day in churn.training_dates(as_of_date) if day <= as_of_date]
    customers, states = read_states(connection, churn, dates, share)
    # Keys come padded to the longest of their own query: compared as texts they are the same.
    at = np.minimum(np.searchsorted(known, customers), max(len(known) - 1, 0))
    ours = known[at] == customers if len(known) else np.zeros(len(customers), dtype=bool)
    days = numbers[:, 0].astype(np.int64)
    event_is_churn = churn.definition == "contractual"
    event, followed = follow(
        places.astype(np.int64), days, at[ours].astype(np.int64), states[ours], event_is_churn=event_is_churn
    )
    snapshots = Snapshots(
        days=days,
        features=np.ascontiguousarray(numbers[:, 4:]),
        churned=numbers[:, 1].astype(np.int8),
        horizon_days=churn.horizon_days,
        customers=len(known),
        numbers=places.astype(np.int64),
        event_days=event,
        followed_days=followed,
        values=numbers[:, 2],
        contacted=numbers[:, 3] == 1,
        snapshot_days=churn.snapshot_days,
        event_is_churn=event_is_churn,
        unripe=_unripe(connection, churn, as_of_date),
    )
    snapshots = _where_leaving_is_told(snapshots)
    _demand_enough(snapshots, churn)
    return snapshots


def _where_leaving_is_told(snapshots: Snapshots) -> Snapshots:
    """Leave out the dates before anybody left, where all who did are told of within one horizon.

    Such a source says who has left and not since when: of the time before it, it knows nobody who had.
    """
    told = np.unique(snapshots.days[snapshots.churned == 1])
    if snapshots.churned.sum() < FEWEST_LEAVERS or told[-1] - told[0] >= snapshots.horizon_days:
        return snapshots
    known = snapshots.days >= told[0]
    return snapshots.take(known) if len(np.unique(snapshots.days[known])) >= MINIMUM_SNAPSHOTS else snapshots


def at_stake(connection: extensions.connection, churn: Churn) -> tuple[sql.SQL, sql.SQL]:
    """Return the expression of what is at stake with a customer `f` on its date, and the join that it needs.

    In the project's currency: the customer lifetime value; with contracts a year of the price in force, where its
    versions tell it. NULL where neither is known.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select to_regclass('marts.customer_value') is not null, exists (select from information_schema.columns"
            " where table_schema = 'marts' and table_name = 'churn_features' and column_name = 'mrr')"
        )
        has_value, has_price = cursor.fetchone() or (False, False)
    join = " left join marts.customer_value v on v.customer_id = f.customer_id and v.as_of_date = f.as_of_date"
    known = (["12 * f.mrr"] if has_price else []) + (["v.clv"] if has_value else [])
    if churn.definition == "non_contractual":
        known.reverse()
    return sql.SQL(f"coalesce({', '.join([*known, 'null::float8'])})"), sql.SQL(join if has_value else "")


def _asked(churn: Churn, as_of_date: date) -> sql.Composable:
    """Return the join to whoever was contacted within the label window of a date."""
    dates = churn.training_dates(as_of_date)
    asked = contacted(
        sql.SQL("select unnest({}::date[]) as as_of_date").format(sql.Literal(dates)),
        horizon_days=churn.horizon_days,
        since=min(dates),
        until=as_of_date,
    )
    return sql.SQL(
        " left join {} as asked on asked.customer_id = f.customer_id and asked.as_of_date = f.as_of_date"
    ).format(asked)


def _mature(churn: Churn, as_of_date: date, join: sql.Composable = NOTHING) -> sql.Composable:
    # is_mature says what the build knew; label_matures_on keeps an old as-of date from seeing later labels. Only dates
    # of the training grid: every night scores a date of its own, and consecutive days are the same customers again.
    return sql.SQL(
        "from marts.churn_features f join marts.churn_labels l on l.customer_id = f.customer_id"
        " and l.as_of_date = f.as_of_date and l.definition = {definition} and l.horizon_days = {horizon}{join}"
        " where l.eligible and l.is_mature and l.churned is not null and l.label_matures_on <= {as_of_date}"
        " and f.as_of_date = any({training_dates})"
    ).format(
        join=join,
        definition=sql.Literal(churn.definition),
        horizon=sql.Literal(churn.horizon_days),
        as_of_date=sql.Literal(as_of_date),
        training_dates=sql.Literal(churn.training_dates(as_of_date)),
    )


def _unripe(connection: extensions.connection, churn: Churn, as_of_date: date) -> dict[date, int]:
    """Return how many eligible customers each date has whose label was not known by the as-of date."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select as_of_date, count(*) from marts.churn_labels where definition = %s and horizon_days = %s"
            " and eligible and as_of_date = any(%s) and not (is_mature and label_matures_on <= %s)"
            " group by 1 order by 1",
            [churn.definition, churn.horizon_days, churn.training_dates(as_of_date), as_of_date],
        )
        return dict(cursor.fetchall())


def _count(connection: extensions.connection, churn: Churn, as_of_date: date) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('marts.churn_labels') is not null")
        if not (cursor.fetchone() or [False])[0]:
            raise ModelRejected(
                "marts.churn_labels", expected="the label table", got="no such table", next_step="run the dbt build"
            )
        cursor.execute(sql.SQL("select count(*) {}").format(_mature(churn, as_of_date)))
        return int((cursor.fetchone() or [0])[0])


def _demand_enough(snapshots: Snapshots, churn: Churn) -> None:
    dates = snapshots.dates
    subject = f"training data for {churn.definition} churn within {churn.horizon_days} days"
    if len(dates) < MINIMUM_SNAPSHOTS:
        raise ModelRejected(
            subject,
            expected=f"at least {MINIMUM_SNAPSHOTS} as-of dates whose label window has closed",
            got=str(len(dates)),
            next_step="load more history, or shorten churn.horizon_days or churn.snapshot_days in forewarn.yml",
        )
    if snapshots.customers < MINIMUM_CUSTOMERS:
        raise ModelRejected(
            subject,
            expected=f"at least {MINIMUM_CUSTOMERS} eligible customers",
            got=str(snapshots.customers),
            next_step="let rules alone judge this base, or widen churn.eligible_days in forewarn.yml",
        )
    churned = int(snapshots.churned.sum())
    if churned in (0, len(snapshots.churned)):
        raise ModelRejected(
            subject,
            expected="customers who left and customers who stayed",
            got=f"{churned} of {len(snapshots.churned)} rows churned",
            next_step="check churn.definition and churn.horizon_days in forewarn.yml against the history",
        )
