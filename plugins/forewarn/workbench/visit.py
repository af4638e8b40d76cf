"""What every page behind a log-in has: who looks, what that role may open, and the frame around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import Request
from psycopg2 import extensions

from forewarn.alerts.language import Language
from forewarn.alerts.routing import Routing
from forewarn.config.project import Project
from forewarn.workbench.pool import Pool, Role, Viewer, look_as
from forewarn.workbench.refusals import Refused
from forewarn.workbench.rendering import language, render

COOKIE = "forewarn_session"
# Address, and who may open it.
PAGES: dict[str, tuple[Role, ...]] = {
    "/inbox": ("manager", "lead", "admin"),
    "/tasks": ("manager", "lead", "admin"),
    "/customers": ("manager", "lead", "admin"),
    "/team": ("lead", "admin"),
    "/performance": ("manager", "lead", "admin"),
    "/saved": ("manager", "lead", "admin"),
    "/missed": ("manager", "lead", "admin"),
    "/kpis": ("lead", "admin"),
    "/playbooks": ("manager", "lead", "admin"),
    "/rules": ("lead", "admin"),
    "/away": ("manager", "lead", "operations", "admin"),
    "/data": ("lead", "operations", "admin"),
    "/accounts": ("admin",),
}
# Pages that show what is published, and what they cannot do without.
PUBLISHED = {
    **dict.fromkeys(("/inbox", "/tasks", "/customers", "/team"), "bi.customer_360"),
    "/missed": "bi.customer_360",
    **dict.fromkeys(("/performance", "/saved"), "bi.alert_performance_monthly"),
    "/kpis": "bi.kpi_monthly",
}


@dataclass(frozen=True)
class Workbench:
    """What its pages share; `clock` returns the moment, in UTC."""

    pool: Pool
    project: Project
    routing: Routing
    clock: Callable[[], datetime]

    @contextmanager
    def visit(self, request: Request, page: str, *, reading: bool = True) -> Iterator[Visit]:
        """Lend a transaction to who has logged in, if the page is for that role.

        Raises
        ------
        Refused
            Nobody has logged in, the page is for others, or there is nothing to show before the first publication.
        """
        secret = request.cookies.get(COOKIE, "")
        with self.pool.viewing(secret, reading=reading) as (cursor, viewer):
            try:
                if viewer.role not in PAGES[page]:
                    raise Refused("forbidden", locale=viewer.locale, back="/")
                cursor.execute("select to_regclass(%s) is null", [PUBLISHED.get(page)])
                if page in PUBLISHED and (cursor.fetchone() or [True])[0]:
                    raise Refused("unpublished", locale=viewer.locale)
                yield Visit(cursor, viewer, page, self.project, self.routing, self.clock(), secret)
            except Refused as refused:
                # So that the page which says so has the frame of every other.
                refused.viewer = viewer
                raise


@dataclass(frozen=True)
class Visit:
    """One page looked at by one person, in one transaction."""

    cursor: extensions.cursor
    viewer: Viewer
    page: str
    project: Project
    routing: Routing
    now: datetime
    secret: str = field(repr=False)

    def start_over(self) -> None:
        """Take back what this transaction has done, and look as the same person in a new one."""
        self.cursor.connection.rollback()
        look_as(self.cursor, self.secret)

    @property
    def say(self) -> Language:
        """The viewer's language."""
        return language(self.viewer.locale)

    def money(self, amount: float | Decimal) -> str:
        """Return an amount in the company's currency."""
        return self.say.money(float(amount), self.project.currency)

    def rows(self, query: str, values: Any = None) -> list[dict[str, Any]]:
        """Return a query's rows by column."""
        self.cursor.execute(query, values)
        names = [column.name for column in self.cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in self.cursor.fetchall()]

    def render(self, template: str, **texts: Any) -> str:
        """Return a page in its frame."""
        return render(template, self.say, **frame(self.viewer, self.page), money=self.money, **texts)


def frame(viewer: Viewer, here: str) -> dict[str, Any]:
    """Return what the frame of each page shows: who looks, and which pages that role may open."""
    return {"viewer": viewer, "pages": [page for page, roles in PAGES.items() if viewer.role in roles], "here": here}
