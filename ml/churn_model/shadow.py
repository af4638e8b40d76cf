"""Score in the shadow: what a model that is not champion would have said. Own rows, and never an alert."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date, datetime

import numpy as np
from psycopg2 import extensions

from churn_model.copy_in import copy_in, text
from churn_model.economy import one_thread
from churn_model.hazard import Hazard
from churn_model.reader import Floats
from churn_model.registry import CHALLENGER, HORIZONS, Champion, has_alias, load
from churn_model.score import eligible_batches
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect

ROLES = (CHALLENGER, HORIZONS)
COLUMNS = ("customer_id", "probability", "outlook", "as_of_date", "definition", "model_name", "model_version", "role")

_log = logging.getLogger(__name__)


def score_in_shadow(settings: Settings, project: Project, *, as_of_date: date, now: datetime) -> dict[str, int]:
    """Score every eligible customer of a date with each model in the shadow; replaces the date's shadow scores.

    A model that cannot score is left out with a warning: the shadow never stops the day.

    Returns
    -------
    dict of str to int
        Customers by role.
    """
    counts = {}
    url = settings.warehouse_url
    with connect(url) as connection, connect(url) as reader:
        with connection.cursor() as cursor:
            cursor.execute(
                "delete from ml.shadow_score where as_of_date = %s and definition = %s",
                [as_of_date, project.churn.definition],
            )
        for role in ROLES:
            try:
                if not has_alias(settings, project, role):
                    continue
                model = load(settings, project, role)
            except ModelRejected as rejected:
                _log.warning("No shadow scores of the %s: %s", role, rejected)
                continue
            counts[role] = _write(connection, reader, model, project.churn, as_of_date, role=role, now=now)
        connection.commit()
    return counts


def _write(
    connection: extensions.connection,
    reader: extensions.connection,
    model: Champion,
    churn: Churn,
    as_of_date: date,
    *,
    role: str,
    now: datetime,
) -> int:
    """Write the scores while they are made: memory holds one batch of customers. Returns how many they are."""
    count = 0
    shared = (as_of_date.isoformat(), churn.definition, model.name, model.version, role)
    tail = "\t".join((*shared, repr(model.threshold), now.isoformat()))

    def lines() -> Iterator[str]:
        nonlocal count
        for customers, features in eligible_batches(reader, churn, as_of_date):
            with one_thread():
                probability = model.model.predict_proba(features)[:, 1]
                outlook = list(_outlook(model, features))
            for customer, score, said in zip(customers.tolist(), probability.tolist(), outlook, strict=True):
                yield f"{text(customer.decode())}\t{score!r}\t{said}\t{tail}"
            count += len(customers)

    with connection.cursor() as cursor:
        copy_in(cursor, "ml.shadow_score", [*COLUMNS, "threshold", "scored_at"], lines())
    return count


def _outlook(model: Champion, features: Floats) -> Iterator[str]:
    if not isinstance(model.model, Hazard):
        yield from ["\\N"] * len(features)
        return
    found = model.model.outlook(features)
    for row in np.column_stack(list(found.values())).round(6).tolist():
        yield json.dumps(dict(zip(found, row, strict=True)))
