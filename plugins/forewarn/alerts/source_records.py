"""The records behind a signal that rests on words, so that who may can open the text at its source.

A signal says which record it was, never what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from psycopg2 import extensions

from forewarn.warehouse.records import records_behind

WINDOW_DAYS = 90
# Metrics that count texts of the window.
_COUNTS = ("competitor_mentions_90d", "negative_texts_90d", "negative_posts_90d", "discount_requests_90d")


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
    first = as_of_date - timedelta(days=WINDOW_DAYS)
    found = {
        key: [record.as_dict() for record in behind.records if record.day >= first]
        for key, behind in records_behind(cursor, counted, customers, as_of_date).items()
    }
    return {key: records for key, records in found.items() if records}
