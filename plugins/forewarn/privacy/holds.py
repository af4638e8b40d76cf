"""Legal holds: what is known of a customer is kept, whatever its age and whoever asks."""

from __future__ import annotations

from datetime import datetime

from psycopg2 import extensions

from forewarn.errors import Permanent
from forewarn.privacy.subjects import customer


def hold(cursor: extensions.cursor, customer_id: str, *, reason: str, by: str, now: datetime) -> None:
    """Place a hold; the caller commits.

    Raises
    ------
    Permanent
        There is no such customer, or a hold stands.
    """
    customer(cursor, customer_id)
    cursor.execute(
        "insert into ops.legal_hold (customer_id, reason, placed_by, placed_at) values (%s, %s, %s, %s)",
        [customer_id, reason, by, now],
    )


def release(cursor: extensions.cursor, customer_id: str, *, reason: str, by: str, now: datetime) -> None:
    """Lift the hold of a customer; the caller commits.

    Raises
    ------
    Permanent
        None stands.
    """
    cursor.execute(
        "update ops.legal_hold set lifted_by = %s, lifted_at = %s, lift_reason = %s"
        " where customer_id = %s and lifted_at is null",
        [by, now, reason, customer_id],
    )
    if not cursor.rowcount:
        raise Permanent(
            f"customer {customer_id}",
            expected="a legal hold that stands",
            got="none",
            next_step="`forewarn privacy list` shows them",
        )
