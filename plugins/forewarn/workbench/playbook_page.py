"""Playbooks as they are in use: who does what by when about which case, read from `playbooks.yml` at the start."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from forewarn.alerts.levels import LEVELS
from forewarn.alerts.playbooks import BRACES, load_playbooks
from forewarn.alerts.rules import Texts
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/playbooks"


def playbook_page(workbench: Workbench) -> APIRouter:
    """Return the route of playbooks.

    Raises
    ------
    ConfigError
        As `load_playbooks`.
    """
    router = APIRouter()
    book = load_playbooks(workbench.project)

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request) -> str:
        with workbench.visit(request, PAGE) as visit:
            return visit.render(
                "playbooks.html.j2",
                book=book,
                levels=list(reversed(LEVELS)),
                worded=lambda texts: _worded(visit, texts),
                within=lambda days, working: _within(visit, days, working=working),
            )

    return router


def _worded(visit: Visit, texts: Texts) -> str:
    """Return a text of a playbook with words in place of a customer, a contact and a day."""
    words = {name: visit.say.text("desk", "playbooks", "in_place_of", name) for name in (*BRACES, "ordered")}
    return str(visit.say.choose(texts)).format(**words)


def _within(visit: Visit, days: int, *, working: bool) -> str:
    return visit.say.text("desk", "playbooks", "working_days" if working else "days", days=visit.say.days(days))
