"""Which features are unknown on which day, since a stream that they rest on was late: the ledger `ops.late_stream`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from psycopg2 import extensions
from ruamel.yaml import YAML

from forewarn.config.settings import Settings


def reads(settings: Settings) -> dict[str, list[str]]:
    """Return the features of `marts.churn_features` that rest on each canonical entity, as the model declares them."""
    file = settings.project / "dbt_project" / "models" / "marts" / "churn_features.yml"
    (model,) = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["models"]
    declared: Mapping[str, Iterable[str]] = model["config"]["meta"]["reads"]
    return {entity: list(features) for entity, features in declared.items()}


def late_features(cursor: extensions.cursor, days: Sequence[date]) -> dict[str, list[date]]:
    """Return the features that are unknown on some of the days, each with those days."""
    cursor.execute(
        "select feature, array_agg(distinct as_of_date order by as_of_date) from ops.late_stream"
        " cross join unnest(features) as feature where as_of_date = any(%s) group by feature order by feature",
        [list(days)],
    )
    return {feature: list(found) for feature, found in cursor.fetchall()}
