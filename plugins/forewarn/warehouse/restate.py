"""One customer's features of a past date as they would be told today: by the same SQL, from what is known by now.

`marts.churn_features` never changes a date that was scored. What has come to light since about the time before it (a
record that came late, an amount that was corrected, two accounts that are one customer) is seen by computing the date
again, with such records counted as known: then the difference is theirs, and not the customer's doing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from psycopg2 import extensions, sql

from forewarn.config.settings import Settings
from forewarn.warehouse import dbt
from forewarn.warehouse.engine import connect

MODEL = "churn_features"
# What the SQL of a model says for its date where several are asked for (macros/as_of_dates.sql).
EACH_DATE = "each as_of_date"
NEVER = "null::date"
# Relation of the intermediate layer → the day of what its rows tell, the column that says since when that is known, and
# which of its rows concern a customer.
_KNOWN: Mapping[str, tuple[str, str, str]] = {
    "int_customer_days": ("day", "known_day", "customer_id = %(customer)s"),
    "int_order_days": ("day", "known_day", "customer_id = %(customer)s"),
    "int_customer_past": (NEVER, NEVER, "customer_id = %(customer)s"),
    "int_order_items": ("day", "known_day", "customer_id = %(customer)s"),
    "int_texts": ("day", "known_day", "customer_id = %(customer)s"),
    "int_tickets": ("opened_on", "known_on", "customer_id = %(customer)s"),
    "int_ticket_steps": ("day", "known_on", "customer_id = %(customer)s"),
    "int_invoices": ("issued_on", "known_on", "customer_id = %(customer)s"),
    "int_payments": (
        "paid_on",
        "known_on",
        "invoice_key in (select invoice_key from intermediate.int_invoices where customer_id = %(customer)s)",
    ),
    "int_credit_limits": ("(valid_from at time zone 'UTC')::date", "known_on", "customer_id = %(customer)s"),
    "int_stockouts": (
        "day",
        "known_on",
        "(customer_id = %(customer)s or customer_id is null) and (product_source, product_id) in (select"
        " product_source, product_id from intermediate.int_order_items where customer_id = %(customer)s)",
    ),
    "int_subscriptions": ("ended_on", "end_known_on", "customer_id = %(customer)s"),
    "int_account_identity": (NEVER, NEVER, "customer_id = %(customer)s"),
}
_SETTLED = (
    "update pg_temp.int_invoices as invoices set settled_on = (select min(payments.known_on) from pg_temp.int_payments"
    " as payments where payments.invoice_key = invoices.invoice_key and payments.paid_so_far >= invoices.amount)"
)


def restate(
    settings: Settings,
    customer: str,
    dates: Sequence[date],
    *,
    known_before: date,
    names: Sequence[str],
    variables: Mapping[str, Any],
) -> list[list[float | None]]:
    """Compute features of one customer again.

    Parameters
    ----------
    dates : sequence of date
        As-of dates.
    known_before : date
        What has come to light before this day about the time before an as-of date counts on it.
    names : sequence of str
        Features.
    variables : dict
        What dbt is told, as for a build.

    Returns
    -------
    list of list of float or None
        A row for each date, in the order of `names`; all None for a customer that was not there yet.

    Raises
    ------
    BuildFailed
        dbt could not compile the model.
    """
    query = _compiled(settings, dates, variables)
    with connect(settings.warehouse_url, application="forewarn restate") as connection:
        with connection.cursor() as cursor:
            for relation in _KNOWN:
                _take(cursor, relation, customer, dates, known_before)
                database = connection.info.dbname
                query = query.replace(f'"{database}"."intermediate"."{relation}"', f'"pg_temp"."{relation}"')
            cursor.execute(_SETTLED)
            columns = sql.SQL(", ").join(map(sql.Identifier, names)).as_string(cursor)
            found: dict[date, list[Any]] = {}
            for day in dates:
                of_day = query.replace(EACH_DATE, day.isoformat()).replace("%", "%%")
                cursor.execute(
                    f"select as_of_date, {columns} from ({of_day}) as restated where customer_id = %(customer)s",
                    {"customer": customer},
                )
                found |= {row[0]: list(row[1:]) for row in cursor.fetchall()}
        connection.rollback()
    return [found.get(day, [None] * len(names)) for day in dates]


def _compiled(settings: Settings, dates: Sequence[date], variables: Mapping[str, Any]) -> str:
    (compiled,) = dbt.invoke(
        settings,
        ["compile", "--indirect-selection", "empty", "--select", MODEL],
        variables=dict(variables),
        environment={
            "FOREWARN_AS_OF_DATES": ",".join(day.isoformat() for day in dates),
            "FOREWARN_RUN_AS_OF_DATE": max(dates).isoformat(),
        },
    )
    return compiled.sql


def _take(cursor: extensions.cursor, relation: str, customer: str, dates: Sequence[date], known_before: date) -> None:
    """Copy the customer's rows of a relation aside, and let those count that came to light in time."""
    day, known, mine = _KNOWN[relation]
    cursor.execute(
        f"create temporary table {relation} on commit drop as select * from intermediate.{relation} where {mine}",
        {"customer": customer},
    )
    for as_of_date in dates if known != NEVER else ():
        cursor.execute(
            f"update pg_temp.{relation} set {known} = %(as_of_date)s - 1"
            f" where {day} < %(as_of_date)s and {known} >= %(as_of_date)s and {known} < %(known_before)s",
            {"as_of_date": as_of_date, "known_before": known_before},
        )
