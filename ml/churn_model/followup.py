"""What became of a customer after an as-of date, read off the later as-of dates of the training grid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
from psycopg2 import extensions, sql

from churn_model.reader import Floats, read
from forewarn.config.project import Churn

LONGEST_DAYS = 400


def read_states(
    connection: extensions.connection, churn: Churn, dates: Sequence[date], share: sql.Composable
) -> tuple[npt.NDArray[np.bytes_], Floats]:
    """Return the customer and (day, state) of each row of the feature table on the dates, eligible or not.

    The state is days since the last order where churn is the absence of one, and 1 or 0 for a running contract where
    churn is its end. Each is as it was known on its own date.
    """
    state = "days_since_last_order" if churn.definition == "non_contractual" else "has_subscription"
    query = sql.SQL(
        "select f.customer_id, f.as_of_date - date '2000-01-01' as day, f.{} as state from marts.churn_features f"
        " where f.as_of_date = any({}) and {}"
    ).format(sql.Identifier(state), sql.Literal(list(dates)), share)
    keys, numbers = read(connection, query, keys=["customer_id"], numbers=["day", "state"])
    return keys["customer_id"], numbers


def follow(
    customers: npt.NDArray[np.int64],
    days: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
    states: Floats,
    *,
    event_is_churn: bool,
) -> tuple[Floats, Floats]:
    """Return days to the event, and days through which each row was followed.

    Parameters
    ----------
    customers, days : ndarray of int (n,)
        Number of the customer and as-of date of the rows to be followed.
    seen : ndarray of int (m,)
        Number of the customer of each state.
    states : ndarray (m, 2)
        Day, and days since the last order or 1 or 0 for a running contract.
    event_is_churn : bool
        True where the end of the contract is the event, False where a purchase is.

    Returns
    -------
    event_days, followed_days : ndarray (n,)
        The event is seen on the first later date that tells of it: days are those of the grid. inf where none was seen.
    """
    grid, columns = np.unique(states[:, 0].astype(np.int64), return_inverse=True)
    known = np.full((int(max(customers.max(initial=-1), seen.max(initial=-1))) + 1, len(grid)), np.nan)
    known[seen, columns] = states[:, 1]
    event, followed = np.full(len(days), np.inf), np.zeros(len(days))
    for column, day in enumerate(grid):
        later = day - days
        state = known[customers, column]
        watched = (later > 0) & (later <= LONGEST_DAYS) & ~np.isnan(state)
        with np.errstate(invalid="ignore"):
            happened = watched & (state < 1 if event_is_churn else state <= later)
        event[happened & (later < event)] = later[happened & (later < event)]
        followed[watched] = later[watched]
    return event, followed
