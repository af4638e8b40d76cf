"""The pages behind the links of messages: looking changes nothing, whoever looks; a pressed button acts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.answer_links import OF_MAIL, PURPOSES, Link, LinkBook, LinkRefused, path
from forewarn.alerts.plain import one_line
from forewarn.workbench.desk import Desk
from forewarn.workbench.pages import case_page, mail_page
from forewarn.workbench.refusals import Refused
from forewarn.workbench.what_was_done import WhatWasDone

LONGEST_NOTE = 500


class Pressed(WhatWasDone):
    """What the form of a page posts: the pressed button, which names the purpose of its link, a note, what was done."""

    answer: str
    # A line break counts once on the page and twice on its way.
    note: str = Field(default="", max_length=2 * LONGEST_NOTE)


class PressedOrOneClick(BaseModel):
    """What the page of mails posts, or a mail program in its place (RFC 8058)."""

    model_config = ConfigDict(extra="forbid")

    answer: str = ""
    one_click: str = Field(default="", alias="List-Unsubscribe")


def links(desk: Desk, book: LinkBook, clock: Callable[[], datetime]) -> APIRouter:
    """Return the routes of links."""
    router = APIRouter()

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

    @router.get("/cases/{case_id}/{purpose}/{token}", response_class=HTMLResponse)
    def show_case(case_id: int, purpose: str, token: str, undone: bool = False) -> str:
        now = clock()
        found = case_link(case_id, purpose, token, now)
        return case_page(found, desk.see(found, now=now), book.signer, undone=undone, now=now)

    @router.post("/cases/{case_id}/{purpose}/{token}")
    def answer_case(case_id: int, purpose: str, token: str, pressed: Annotated[Pressed, Form()]) -> Response:
        now = clock()
        found = case_link(case_id, purpose, token, now)
        _demand(pressed.answer == purpose)
        here = path(found, book.signer)
        try:
            desk.act(found, one_line(pressed.note, LONGEST_NOTE), pressed, now=now)
        except Refused as refused:
            refused.back = here
            raise
        # To a page that may be loaded again without asking whether to send the answer again.
        return RedirectResponse(here + ("?undone=1" if found.purpose == "undo" else ""), status_code=303)

    @router.get("/mail/{purpose}/{token}", response_class=HTMLResponse)
    def show_mail(purpose: str, token: str) -> str:
        now = clock()
        found = mail_link(purpose, token, now)
        return mail_page(found, desk.see(found, now=now), book.signer)

    @router.post("/mail/{purpose}/{token}")
    def wish_mail(purpose: str, token: str, pressed: Annotated[PressedOrOneClick, Form()]) -> Response:
        now = clock()
        found = mail_link(purpose, token, now)
        one_click = pressed.one_click == "One-Click" and found.purpose == "fewer_mails"
        _demand(one_click or (pressed.answer == purpose and not pressed.one_click))
        desk.act(found, "", now=now)
        return PlainTextResponse("done") if one_click else RedirectResponse(path(found, book.signer), status_code=303)

    return router


def _demand(meant: bool) -> None:
    if not meant:
        raise Refused("unreadable")
