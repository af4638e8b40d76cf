"""One change of the warehouse from a terminal: by this moment's clock, kept unless it is only tried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from forewarn.cli.installation import current_settings

if TYPE_CHECKING:
    from psycopg2 import extensions

T = TypeVar("T")


def change(what: Callable[[extensions.cursor, datetime], T], *, dry_run: bool, role: str = "") -> T:
    """Return what a change returns; `role` names the service whose login makes it, by default the owner's."""
    from forewarn.warehouse.engine import connect

    settings = current_settings().as_service(role) if role else current_settings()
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        found = what(cursor, datetime.now(UTC))
        if not dry_run:
            connection.commit()
    return found
