"""Check the columns of the feature table before a row is read, so that a rename is an error with a name in it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from psycopg2 import extensions

from forewarn.errors import ModelRejected

NUMERIC = {"double precision", "real", "numeric", "smallint", "integer", "bigint"}


def demand_columns(connection: extensions.connection, names: Sequence[str]) -> None:
    """Refuse a feature table that lacks a column of the model or holds it in a type that is no number.

    Raises
    ------
    ModelRejected
        Each missing column is named with its nearest present one, each mistyped column with its type.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'marts' and table_name = 'churn_features'"
        )
        present: dict[str, str] = dict(cursor.fetchall())
    if not present:
        raise ModelRejected(
            "marts.churn_features", expected="the feature table", got="no such table", next_step="run the dbt build"
        )
    spare = [name for name in present if name not in names]
    missing = [f"{name}{_nearest(name, spare)}" for name in names if name not in present]
    mistyped = [f"{name} ({present[name]})" for name in names if name in present and present[name] not in NUMERIC]
    if missing or mistyped:
        raise ModelRejected(
            "marts.churn_features",
            expected="every feature of the model, as a number",
            got="; ".join(
                text
                for text in (
                    f"missing {', '.join(missing)}" if missing else "",
                    f"not numeric {', '.join(mistyped)}" if mistyped else "",
                )
                if text
            ),
            next_step="restore the columns, or train a new champion with `forewarn model train`",
        )


def _nearest(name: str, spare: Sequence[str]) -> str:
    close = get_close_matches(name, spare, n=1)
    return f" (renamed to {close[0]}?)" if close else ""
