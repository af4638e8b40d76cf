"""One customer's score taken apart: families, sentences, the customer's own past, and the records behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from psycopg2 import extensions, sql

from churn_model.champion import load_champion
from churn_model.columns import demand_columns
from churn_model.explain import FAMILIES, Explainer, Reason
from churn_model.features import NAMES
from churn_model.reader import Floats, read
from churn_model.registry import load_version
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect
from forewarn.warehouse.records import Behind, records_behind

OWN_PAST_DAYS = 365
SAME = 1e-6


@dataclass(frozen=True)
class Grounded:
    """A reason with what it rests on.

    Attributes
    ----------
    now, usual : float or None
        The feature on the date, None where unknown, and its median over the customer's own as-of dates of the year
        before, None where there is none.
    behind : Behind
        The source records.
    """

    reason: Reason
    now: float | None
    usual: float | None
    behind: Behind


@dataclass(frozen=True)
class Explanation:
    """A score and what makes it.

    Attributes
    ----------
    probability, threshold : float
        By the model that scored the date, or by today's champion where the date was not scored.
    recorded : float or None
        What `ml.score` holds, or None; another value than `probability` means that the features were built again since.
    families : tuple of (str, float)
        What each family adds to the log-odds against an average customer, strongest first.
    """

    customer_id: str
    as_of_date: date
    model: str
    probability: float
    threshold: float
    recorded: float | None
    families: tuple[tuple[str, float], ...]
    reasons: tuple[Grounded, ...]

    @property
    def is_as_recorded(self) -> bool:
        """Whether nothing has changed since the date was scored."""
        return self.recorded is None or abs(self.recorded - self.probability) < SAME


def explain_customer(
    settings: Settings, project: Project, wanted: str, *, as_of_date: date | None = None
) -> Explanation:
    """Explain the score of one customer on a date, by default the newest that has features of them.

    Parameters
    ----------
    wanted : str
        A customer_id, an account as `source:number`, or an account's number alone where it is one customer's only.

    Raises
    ------
    Permanent
        No such customer, several of that number, or no features of that date.
    ModelRejected
        No fit model.
    """
    with connect(settings.warehouse_url, application="forewarn explain") as connection, connection.cursor() as cursor:
        demand_columns(connection, NAMES)
        customer = find_customer(cursor, wanted)
        day, features = features_of(connection, customer, as_of_date)
        cursor.execute(
            "select model_name, model_version, probability from ml.score"
            " where customer_id = %s and as_of_date = %s and definition = %s",
            [customer, day, project.churn.definition],
        )
        scored = cursor.fetchone()
        model = load_version(settings, scored[0], scored[1]) if scored else load_champion(settings, project)
        explainer = Explainer(model.model, currency=project.currency)
        contributions = explainer.contributions(features)
        (said,) = explainer.reasons(features, contributions)
        named = [reason.feature for reason in said]
        behind = records_behind(cursor, named, [customer], day)
        usual = _own_past(connection, customer, day)
    now = {name: None if np.isnan(value) else value for name, value in zip(NAMES, features[0].tolist(), strict=True)}
    totals = zip(FAMILIES, explainer.families(contributions)[0].tolist(), strict=True)
    return Explanation(
        customer_id=customer,
        as_of_date=day,
        model=f"{model.name} version {model.version}",
        probability=float(model.model.predict_proba(features)[0, 1]),
        threshold=model.threshold,
        recorded=float(scored[2]) if scored else None,
        families=tuple(sorted(totals, key=lambda one: -one[1])),
        reasons=tuple(
            Grounded(reason, now[reason.feature], usual.get(reason.feature), behind[(customer, reason.feature)])
            for reason in said
        ),
    )


def find_customer(cursor: extensions.cursor, wanted: str) -> str:
    """Return the customer_id that a person means.

    Raises
    ------
    Permanent
        Nobody, or more than one customer.
    """
    cursor.execute(
        "select distinct customer_id from marts.customer_crosswalk"
        " where customer_id = %(wanted)s or source || ':' || account_id = %(wanted)s or account_id = %(wanted)s"
        " order by customer_id",
        {"wanted": wanted},
    )
    found = [row[0] for row in cursor.fetchall()]
    if len(found) != 1:
        raise Permanent(
            f"customer {wanted}",
            expected="one customer_id, or one account as source:number",
            got=f"{len(found)} customers" if found else "none of that name",
            next_step="look it up in marts.customer_crosswalk, and name the source",
        )
    return str(found[0])


def features_of(connection: extensions.connection, customer: str, as_of_date: date | None) -> tuple[date, Floats]:
    """Return the date, by default the newest, and the customer's features on it, (1, len(NAMES)).

    Raises
    ------
    Permanent
        There are none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select max(as_of_date) from marts.churn_features"
            " where customer_id = %s and as_of_date = coalesce(%s, as_of_date)",
            [customer, as_of_date],
        )
        day = (cursor.fetchone() or [None])[0]
    if day is None:
        raise Permanent(
            f"customer {customer}",
            expected=f"features of {as_of_date}" if as_of_date else "features of some date",
            got="none",
            next_step=f"build the date: `forewarn backfill --from {as_of_date} --to {as_of_date}`"
            if as_of_date
            else "run `forewarn run`",
        )
    return day, _features(connection, customer, [day])


def _features(connection: extensions.connection, customer: str, days: Sequence[date]) -> Floats:
    query = sql.SQL(
        "select {} from marts.churn_features where customer_id = {} and as_of_date = any({}) order by as_of_date"
    ).format(sql.SQL(", ").join(map(sql.Identifier, NAMES)), sql.Literal(customer), sql.Literal(list(days)))
    return read(connection, query, keys=[], numbers=NAMES)[1]


def _own_past(connection: extensions.connection, customer: str, day: date) -> dict[str, float]:
    """Return the customer's own medians over the as-of dates of the year before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select as_of_date from marts.churn_features"
            " where customer_id = %s and as_of_date < %s and as_of_date >= %s",
            [customer, day, day - timedelta(days=OWN_PAST_DAYS)],
        )
        before = [row[0] for row in cursor.fetchall()]
    past = _features(connection, customer, before)
    known = ~np.isnan(past)
    return {
        name: float(np.median(past[known[:, place], place]))
        for place, name in enumerate(NAMES)
        if known[:, place].any()
    }
