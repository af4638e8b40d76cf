"""The records behind a signal that rests on words, so that who may can open the text at its source.

A signal says which record it was, never what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from psycopg2 import extensions, sql

WINDOW_DAYS = 90
MOST = 20

# Metric → which texts of its window it counts.
_COUNTS = {
    "competitor_mentions_90d": "competitors > 0",
    "negative_texts_90d": "tone = 'negative'",
    "negative_posts_90d": "tone = 'negative' and entity in ('review', 'mention')",
    "discount_requests_90d": "asks_discount",
}


def text_records(
    cursor: extensions.cursor, metrics: Iterable[str], customers: Sequence[str], as_of_date: date
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the records that metrics of some customers rest on at a date, newest first and at most twenty each.

    Returns
    -------
    dict of (str, str) to list of dict
        (customer, metric) → records, each `{"entity", "source", "record_id", "day"}`. Metrics that count no texts are
        left out.
    """
    counted = sorted(set(metrics) & set(_COUNTS))
    if not counted or not customers:
        return {}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for metric in counted:
        cursor.execute(
            sql.SQL(
                "select customer_id, entity, source, record_id, day from intermediate.int_texts"
                " where customer_id = any(%s) and known_day < %s and day >= %s and {} order by day desc, record_id"
            ).format(sql.SQL(_COUNTS[metric])),
            [list(customers), as_of_date, as_of_date - timedelta(days=WINDOW_DAYS)],
        )
        for customer_id, entity, source, record_id, day in cursor.fetchall():
            records = found.setdefault((customer_id, metric), [])
            if len(records) < MOST:
                records.append({"entity": entity, "source": source, "record_id": record_id, "day": day.isoformat()})
    return found
