"""Who is away and who stands in, what is silenced, and the routes that both change."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from psycopg2.errors import InsufficientPrivilege
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from forewarn.alerts.absences import NewAbsence, add_absence
from forewarn.alerts.levels import Route
from forewarn.alerts.plain import one_line
from forewarn.alerts.silences import NewSilence, add_silence
from forewarn.alerts.spans import end_today, newest_day
from forewarn.errors import Permanent
from forewarn.workbench.refusals import Refused
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/away"
Blank = BeforeValidator(lambda value: value or None)
Text = Annotated[Annotated[str, Field(max_length=500)] | None, Blank]
_ABSENCES = "select * from alerts.absence where until_day > %(day)s order by from_day, absence_id"
_SILENCES = "select * from alerts.silence where until_day > %(day)s order by from_day, silence_id"


class Absent(BaseModel):
    """A new absence; `until` is the first day back."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(max_length=254)
    from_day: date
    until: date
    deputy: Text = None
    reason: str = Field(default="", max_length=500)


class Silent(BaseModel):
    """A new silence, about at least one of the four."""

    model_config = ConfigDict(extra="forbid")

    customer_id: Text = None
    signal: Text = None
    route: Annotated[Route | None, Blank] = None
    condition: Annotated[Annotated[str, Field(max_length=4000)] | None, Blank] = None
    until: date
    reason: str = Field(min_length=1, max_length=500)


def away(workbench: Workbench) -> APIRouter:
    """Return the routes of absences and silences."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request) -> str:
        with workbench.visit(request, PAGE) as visit:
            return _page(visit)

    @router.post(f"{PAGE}/absences")
    def enter_absence(request: Request, new: Annotated[Absent, Form()]) -> Response:
        with workbench.visit(request, PAGE, reading=False) as visit:
            reason = one_line(new.reason, 500) or "away"
            entered = NewAbsence(new.person.strip(), new.from_day, new.until, new.deputy, reason)
            try:
                add_absence(visit.cursor, entered, by=visit.viewer.email, now=visit.now)
            except (Permanent, InsufficientPrivilege) as error:
                return _again(visit, error, absence=new)
        return RedirectResponse(PAGE, status_code=303)

    @router.post(f"{PAGE}/silences")
    def enter_silence(request: Request, new: Annotated[Silent, Form()]) -> Response:
        with workbench.visit(request, PAGE, reading=False) as visit:
            first = newest_day(visit.cursor) or visit.now.date()
            given = new.model_dump() | {"from_day": first, "reason": one_line(new.reason, 500)}
            try:
                add_silence(visit.cursor, NewSilence(**given), by=visit.viewer.email, now=visit.now)
            except (Permanent, InsufficientPrivilege) as error:
                return _again(visit, error, silence=new)
        return RedirectResponse(PAGE, status_code=303)

    @router.post(f"{PAGE}/{{kind}}s/{{number}}/end")
    def end(request: Request, kind: Literal["absence", "silence"], number: int) -> Response:
        with workbench.visit(request, PAGE, reading=False) as visit:
            by = visit.viewer.email
            try:
                end_today(visit.cursor, kind, number, by=by, reason="ended in the workbench", now=visit.now)
            except Permanent as error:
                # None of that number, or not the viewer's to end.
                raise Refused("gone", locale=visit.viewer.locale, back=PAGE) from error
        return RedirectResponse(PAGE, status_code=303)

    return router


def _again(visit: Visit, error: Exception, **given: BaseModel) -> Response:
    """Return the page with what was given, and what is wrong with it; nothing is kept."""
    visit.start_over()
    wrong = str(error) if isinstance(error, Permanent) else visit.say.text("desk", "away", "not_yours")
    return HTMLResponse(_page(visit, wrong=wrong, **given), status_code=409)


def _page(visit: Visit, *, wrong: str = "", **given: BaseModel) -> str:
    day = newest_day(visit.cursor) or visit.now.date()
    leads = visit.viewer.role != "manager"
    texts: dict[str, Any] = {name: one.model_dump(mode="json") for name, one in given.items()}
    return visit.render(
        "away.html.j2",
        day=day,
        wrong=wrong,
        leads=leads,
        absences=visit.rows(_ABSENCES, {"day": day}),
        of_file=[one for one in visit.routing.absences if one.until > day],
        silences=visit.rows(_SILENCES, {"day": day}) if leads else [],
        places=visit.routing.places if leads else {},
        fallback=visit.project.alerts.fallback_recipient,
        routes=get_args(Route),
        absence=texts.get("absence", dict.fromkeys(Absent.model_fields)),
        silence=texts.get("silence", dict.fromkeys(Silent.model_fields)),
    )
