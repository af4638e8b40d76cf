"""Training snapshots: features of mature as-of dates joined with what became of each customer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
from psycopg2 import extensions, sql

from churn_model.columns import demand_columns
from churn_model.features import NAMES
from churn_model.reader import Floats, read
from forewarn.config.project import Churn
from forewarn.errors import ModelRejected

EPOCH = date(2000, 1, 1)
MINIMUM_SNAPSHOTS = 1
MINIMUM_CUSTOMERS = 100
MAXIMUM_ROWS = 500_000


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
    """

    days: npt.NDArray[np.int64]
    features: Floats
    churned: npt.NDArray[np.int8]
    horizon_days: int
    customers: int
    numbers: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def dates(self) -> list[date]:
        """The as-of dates, oldest first."""
        return [EPOCH + timedelta(days=int(day)) for day in np.unique(self.days)]

    def rows(self, where: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.int8]]:
        """Return features and labels of some rows."""
        return self.features[where], self.churned[where]

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
    query = sql.SQL(
        "select f.customer_id, f.as_of_date - date '2000-01-01' as day, l.churned::int as churned, {columns} {rows}"
        " and mod(hashtextextended(f.customer_id, 0) & 9223372036854775807, 10000) < {keep}"
        " order by f.as_of_date, f.customer_id"
    ).format(
        columns=sql.SQL(", ").join(sql.SQL("f.{}").format(sql.Identifier(name)) for name in NAMES),
        rows=_mature(churn, as_of_date),
        keep=sql.Literal(round(keep * 10_000)),
    )
    keys, numbers = read(connection, query, keys=["customer_id"], numbers=["day", "churned", *NAMES])
    known, places = np.unique(keys["customer_id"], return_inverse=True)
    snapshots = Snapshots(
        days=numbers[:, 0].astype(np.int64),
        features=np.ascontiguousarray(numbers[:, 2:]),
        churned=numbers[:, 1].astype(np.int8),
        horizon_days=churn.horizon_days,
        customers=len(known),
        numbers=places.astype(np.int64),
    )
    _demand_enough(snapshots, churn)
    return snapshots


def _mature(churn: Churn, as_of_date: date) -> sql.Composable:
    # is_mature says what the build knew; label_matures_on keeps an old as-of date from seeing later labels. Only dates
    # of the training grid: every night scores a date of its own, and consecutive days are the same customers again.
    return sql.SQL(
        "from marts.churn_features f join marts.churn_labels l on l.customer_id = f.customer_id"
        " and l.as_of_date = f.as_of_date and l.definition = {definition} and l.horizon_days = {horizon}"
        " where l.eligible and l.is_mature and l.churned is not null and l.label_matures_on <= {as_of_date}"
        " and f.as_of_date = any({training_dates})"
    ).format(
        definition=sql.Literal(churn.definition),
        horizon=sql.Literal(churn.horizon_days),
        as_of_date=sql.Literal(as_of_date),
        training_dates=sql.Literal(churn.training_dates(as_of_date)),
    )


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
