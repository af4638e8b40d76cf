"""Who was contacted while a label window ran: what became of them is no evidence of what had been foretold."""

from __future__ import annotations

from datetime import date

from psycopg2 import sql


def contacted(dates: sql.Composable, *, horizon_days: int, since: date, until: date) -> sql.Composable:
    """Return a relation (as_of_date, customer_id): of whom a message was sent within the label window of a date.

    A relation to be joined, since to ask for each customer anew would cost customers times messages.

    Parameters
    ----------
    dates : sql.Composable
        A query for the as-of dates, one column of this name.
    since, until : date
        First and last day of the messages that count: none of them is before the first as-of date.
    """
    return sql.SQL(
        "(select distinct asked.as_of_date, sent.customer_id from ({dates}) as asked"
        " join ml.contacted({since}, {until}) as sent on sent.sent_on >= asked.as_of_date"
        " and sent.sent_on < asked.as_of_date + {horizon})"
    ).format(dates=dates, since=sql.Literal(since), until=sql.Literal(until), horizon=sql.Literal(horizon_days))
