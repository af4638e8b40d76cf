"""Raw rows as builds saw them before they changed: `ops.row_version`, for dates that are built late (decision 0030).

Triggers leave what a raw row was in `ops.past_row` until the next whole build has looked at it. Then it moves
here, where the build before had seen it: what came and went between two builds was in nobody's features.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from psycopg2 import extensions

from forewarn.config.entities import entities

# Entities whose records features are computed from; the others keep no former rows.
FEATURE_ENTITIES = (
    *("account", "opportunity", "product", "order", "order_line", "return", "backorder", "shipment"),
    *("inventory_snapshot", "subscription", "invoice", "payment", "dispute", "credit_limit", "ticket", "interaction"),
    *("marketing_event", "survey_response", "review", "mention", "usage_event", "owner_assignment"),
    "ticket_status_change",
)
_OF_LANDING = ("_batch_id", "_loaded_at", "_row_hash")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_KEEP = """
insert into ops.row_version (schema_name, table_name, valid_to, seen_batch_id, content)
select
    past.schema_name,
    past.table_name,
    greatest(build.as_of_date, %(today)s),
    build.batch_id,
    (
        select coalesce(jsonb_object_agg(
            field.key,
            case when kept.columns ->> field.key = 'personal' then to_jsonb(text '(personal)') else field.value end
        ), '{}')
        from jsonb_each(past.content) as field
        where
            field.value <> 'null'
            and (
                kept.columns ->> field.key = 'plain'
                or (
                    kept.columns ->> field.key = 'personal'
                    and btrim(past.content ->> field.key) <> ''
                    and exists (
                        select from pg_attribute
                        where
                            attrelid = to_regclass(format('%%I.%%I', past.schema_name, past.table_name))
                            and attname = field.key
                            and atttypid = 'text'::regtype
                    )
                )
            )
    )
from ops.past_row as past
inner join (
    select
        wanted ->> 0 as schema_name,
        wanted ->> 1 as table_name,
        wanted -> 2 as columns
    from jsonb_array_elements(%(wanted)s::jsonb) as wanted
) as kept
    on past.schema_name = kept.schema_name and past.table_name = kept.table_name
cross join ops.warehouse_build as build
where build.as_of_date is not null and cast(past.content ->> '_batch_id' as bigint) <= build.batch_id
"""


def keep_versions(cursor: extensions.cursor, mappings: Mapping[str, Any], today: date | None) -> None:
    """Keep what `ops.past_row` holds, before a whole build of the day `today` empties it.

    A row counts on dates before `today`, since what took its place was not known until then; a day that is built again
    counts the newer one. Columns that hold a person's words or address keep only that they had content: a version would
    outlive an erasure.
    """
    wanted = [[*table, columns] for table, columns in _columns(mappings).items()]
    cursor.execute(_KEEP, {"today": today, "wanted": json.dumps(wanted)})


def _columns(mappings: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the columns of each raw table that features rest on: plain or personal."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for entity in FEATURE_ENTITIES:
        spec = entities()[entity]
        for feed in mappings.get(entity, ()):
            columns = found.setdefault((feed["schema"], feed["table"]), dict.fromkeys(_OF_LANDING, "plain"))
            for number in feed.get("belongs_to", {}).values():
                columns |= dict.fromkeys(_named(number), "plain")
            for name, expression in feed["columns"].items():
                for column in _named(expression):
                    if spec.columns[name].personal:
                        columns.setdefault(column, "personal")
                    else:
                        columns[column] = "plain"
    for feed in (feed for entity in FEATURE_ENTITIES for feed in mappings.get(entity, ())):
        for column in _named(feed["where"] or ""):
            found[feed["schema"], feed["table"]].setdefault(column, "plain")
    return found


def _named(expression: str) -> list[str]:
    return [name.replace('""', '"') for name in _QUOTED.findall(expression)]
