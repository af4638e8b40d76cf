"""The accounts of the workbench, to read: only the owner of the warehouse changes them (decision 0040)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from forewarn.workbench.visit import Workbench

PAGE = "/accounts"
# What changes accounts, each with what it takes.
COMMANDS = (
    "forewarn account add EMAIL --name NAME --role ROLE",
    "forewarn account password EMAIL",
    "forewarn account disable EMAIL",
    "forewarn account enable EMAIL",
)


def account_list(workbench: Workbench) -> APIRouter:
    """Return the route of accounts."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request) -> str:
        with workbench.visit(request, PAGE) as visit:
            return visit.render(
                "accounts.html.j2",
                accounts=visit.rows("select * from workbench.accounts()"),
                commands=COMMANDS,
                moment=lambda at: f"{visit.say.date(at.date())}, {at:%H:%M} UTC",
            )

    return router
