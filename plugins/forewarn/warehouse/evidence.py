"""What the workbench's functions follow from a sign to its records: queries and columns, of the code that publishes.

Features and entities change with the code, and a migration knows none of them; each publication writes them anew.
"""

from __future__ import annotations

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.config.entities import entities, keys
from forewarn.warehouse.past_features import staging_model
from forewarn.warehouse.records import TRACES, statement

_SPINE = "intermediate.int_customer_events"


def keep_evidence(cursor: extensions.cursor) -> None:
    """Write `workbench.trace` and `workbench.record_kind` anew; the caller commits."""
    cursor.execute("delete from workbench.trace; delete from workbench.record_kind")
    places = {"customers": "$1", "as_of_date": "$2"}
    # The spine is that of the newest build, which need not be published.
    published = f"(select * from {_SPINE} where _version <= $3)"
    traces = [
        (feature, (statement(trace) % places).replace(_SPINE, published), trace.days)
        for feature, trace in TRACES.items()
    ]
    execute_values(cursor, "insert into workbench.trace (feature, query, days) values %s", traces)
    kinds = []
    for name, entity in entities().items():
        shown = [column for column, about in entity.columns.items() if not about.personal]
        # What has several keys is no record of its own.
        if len(keys(name)) == 1:
            kinds.append((name, f"staging.{staging_model(name)}", *keys(name), shown))
    execute_values(cursor, "insert into workbench.record_kind (entity, relation, key, shown) values %s", kinds)
