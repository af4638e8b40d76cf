"""The records behind a signal, so that who may can open them at their source.

A signal says which record it was, never what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from psycopg2 import extensions

from forewarn.warehouse.records import records_behind

if TYPE_CHECKING:
    from forewarn.alerts.signals import Signal

WINDOW_DAYS = 90
# Its record is the account, which the crosswalk names; the service that opens cases may read no accounts.
_OF_THE_ACCOUNT = "tenure_days"
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


def reason_records(
    cursor: extensions.cursor, signals: Mapping[str, Sequence[Signal]], as_of_date: date
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what the reasons of the model's signals rest on at a date, as it was known then.

    Returns
    -------
    dict of str to dict
        Customer → feature → `{"since", "total", "records"}`: first day of the window or null, how many records lie in
        it, and the newest of them. Customers without such a reason are left out.
    """
    named = {
        customer: {
            reason["feature"]
            for signal in some
            for reason in signal.evidence.get("reasons", [])
            if reason.get("feature", _OF_THE_ACCOUNT) != _OF_THE_ACCOUNT
        }
        for customer, some in signals.items()
    }
    by_feature: dict[str, list[str]] = {}
    for customer, features in sorted(named.items()):
        for feature in sorted(features):
            by_feature.setdefault(feature, []).append(customer)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for feature, customers in by_feature.items():
        for (customer, _), behind in records_behind(cursor, [feature], customers, as_of_date).items():
            found.setdefault(customer, {})[feature] = behind.as_dict()
    return found
