"""The pages behind the links of messages: looking changes nothing, whoever looks; a pressed button acts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from forewarn.alerts.answer_links import OF_MAIL, PURPOSES, Link, LinkBook, LinkRefused, path
from forewarn.alerts.plain import one_line
from forewarn.workbench.desk import Desk
from forewarn.workbench.guard import HEALTH, Guard
from forewarn.workbench.pages import case_page, mail_page, refusal_page
from forewarn.workbench.refusals import STATUS, Kind, Refused

STATIC = Path(__file__).parent / "static"
LONGEST_NOTE = 500
_KINDS: dict[int, Kind] = {404: "absent", 405: "method"}


class Pressed(BaseModel):
    """What the form of a page posts: the pressed button, which names the purpose of its link, and a note."""

    model_config = ConfigDict(extra="forbid")

    answer: str
    # A line break counts once on the page and twice on its way.
    note: str = Field(default="", max_length=2 * LONGEST_NOTE)


class PressedOrOneClick(BaseModel):
    """What the page of mails posts, or a mail program in its place (RFC 8058)."""

    model_config = ConfigDict(extra="forbid")

    answer: str = ""
    one_click: str = Field(default="", alias="List-Unsubscribe")


def create_app(
    desk: Desk,
    book: LinkBook,
    *,
    hosts: Collection[str] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    hosts
        Names beside that of the links' address under which it may be asked for.
    clock
        Returns the moment, in UTC; asked once a request.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.mount("/static", StaticFiles(directory=STATIC))

    def link(purpose: str, token: str, now: datetime) -> Link:
        known = next((one for one in PURPOSES if one == purpose), None)
        if known is None:
            raise Refused("forged")
        try:
            return book.signer.read(known, token, now=now)
        except LinkRefused as error:
            raise Refused(error.why) from error

    def case_link(case_id: int, purpose: str, token: str, now: datetime) -> Link:
        found = link(purpose, token, now)
        if found.case_id != case_id or found.purpose in OF_MAIL:
            raise Refused("absent")
        return found

    def mail_link(purpose: str, token: str, now: datetime) -> Link:
        found = link(purpose, token, now)
        if found.purpose not in OF_MAIL:
            raise Refused("absent")
        return found

    @app.api_route("/cases/{case_id}/{purpose}/{token}", methods=["GET", "HEAD"], response_class=HTMLResponse)
    def show_case(case_id: int, purpose: str, token: str, undone: bool = False) -> str:
        now = clock()
        found = case_link(case_id, purpose, token, now)
        return case_page(found, desk.see(found, now=now), book.signer, undone=undone, now=now)

    @app.post("/cases/{case_id}/{purpose}/{token}")
    def answer_case(case_id: int, purpose: str, token: str, pressed: Annotated[Pressed, Form()]) -> Response:
        now = clock()
        found = case_link(case_id, purpose, token, now)
        _demand(pressed.answer == purpose)
        here = path(found, book.signer)
        try:
            desk.act(found, one_line(pressed.note, LONGEST_NOTE), now=now)
        except Refused as refused:
            refused.back = here
            raise
        # To a page that may be loaded again without asking whether to send the answer again.
        return RedirectResponse(here + ("?undone=1" if found.purpose == "undo" else ""), status_code=303)

    @app.api_route("/mail/{purpose}/{token}", methods=["GET", "HEAD"], response_class=HTMLResponse)
    def show_mail(purpose: str, token: str) -> str:
        now = clock()
        found = mail_link(purpose, token, now)
        return mail_page(found, desk.see(found, now=now), book.signer)

    @app.post("/mail/{purpose}/{token}")
    def wish_mail(purpose: str, token: str, pressed: Annotated[PressedOrOneClick, Form()]) -> Response:
        now = clock()
        found = mail_link(purpose, token, now)
        one_click = pressed.one_click == "One-Click" and found.purpose == "fewer_mails"
        _demand(one_click or (pressed.answer == purpose and not pressed.one_click))
        desk.act(found, "", now=now)
        return PlainTextResponse("done") if one_click else RedirectResponse(path(found, book.signer), status_code=303)

    @app.get(HEALTH)
    def health() -> PlainTextResponse:
        desk.alive()
        return PlainTextResponse("healthy")

    _add_refusals(app)
    app.add_middleware(
        Guard, hosts={urlsplit(book.base).netloc.lower(), *hosts}, one_click="/mail/fewer_mails/", refuse=_refuse
    )
    return app


def _add_refusals(app: FastAPI) -> None:
    """Answer whatever goes wrong with a page."""

    @app.exception_handler(Refused)
    async def on_refused(request: Request, error: Refused) -> Response:
        return await _refuse(request, error)

    @app.exception_handler(RequestValidationError)
    async def on_unreadable(request: Request, error: RequestValidationError) -> Response:
        # A part of the address that is no number names nothing; anything else is of the form.
        of_address = any(found["loc"][0] in ("path", "query") for found in error.errors())
        return await _refuse(request, Refused("absent" if of_address else "unreadable"))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        return await _refuse(request, Refused(_KINDS.get(error.status_code, "unreadable")))

    @app.exception_handler(Exception)
    async def on_failed(request: Request, error: Exception) -> Response:
        del error  # the server logs it
        return await _refuse(request, Refused("failed"))


async def _refuse(request: Request, refused: Refused) -> Response:
    locale = refused.locale or request.headers.get("accept-language", "")[:5].partition(",")[0]
    return HTMLResponse(refusal_page(refused.kind, locale, back=refused.back), STATUS[refused.kind])


def _demand(meant: bool) -> None:
    if not meant:
        raise Refused("unreadable")
