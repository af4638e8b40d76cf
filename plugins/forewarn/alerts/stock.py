"""Operations hear of an article that runs low: once, and again when it has recovered and runs low anew."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from forewarn.alerts.operations import OF_STOCK, Trouble, tell_operations
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect

_LOW = (
    "select product_source, product_id, min(low_since), string_agg(format('%s%s: %s left, reorder point %s',"
    " coalesce(product_name || ', ', ''), coalesce(nullif(location, ''), 'stock'), trim_scale(on_hand),"
    " trim_scale(reorder_point)), '; ' order by location)"
    " from intermediate.int_low_stock group by product_source, product_id order by product_source, product_id"
)


def tell_low_stock(settings: Settings, project: Project, *, as_of_date: date, now: datetime) -> int:
    """Put a message into the outbox about articles that have come to their reorder point since the last time.

    Articles of one system that come to it on one day share a message. Telling the same again changes nothing.

    Returns
    -------
    int
        New messages.
    """
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('intermediate.int_low_stock') is not null")
        if not (cursor.fetchone() or [False])[0]:
            return 0
        cursor.execute(_LOW)
        low = [
            Trouble(source, product, "low_stock", datetime.combine(since, time(), UTC), reason=said)
            for source, product, since, said in cursor.fetchall()
        ]
    return tell_operations(settings, project, low, as_of_date=as_of_date, now=now, kinds=OF_STOCK)
