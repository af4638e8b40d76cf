"""The door: log in by a password, log out. Log-in by the company's identity provider is `single_sign_on`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from forewarn.workbench.pool import Pool
from forewarn.workbench.rendering import language, render
from forewarn.workbench.sessions import LASTS, end_session, log_in
from forewarn.workbench.visit import COOKIE, PAGES


class Credentials(BaseModel):
    """What the form posts."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254)
    password: str = Field(max_length=1024)
    next: str = Field(default="/", max_length=500)


def entrance(pool: Pool, *, secure: bool, single_sign_on: bool) -> APIRouter:
    """Return the routes of the door; `secure` cookies go over TLS alone."""
    router = APIRouter()

    @router.get("/")
    def home(request: Request) -> Response:
        with pool.viewing(request.cookies.get(COOKIE, "")) as (_, viewer):
            first = next(page for page, roles in PAGES.items() if viewer.role in roles)
            return RedirectResponse(first, status_code=303)

    @router.get("/login", response_class=HTMLResponse)
    def show(request: Request, next: str = "/") -> str:
        return _page(request, onward(next), single_sign_on=single_sign_on)

    @router.post("/login")
    def enter(request: Request, given: Annotated[Credentials, Form()]) -> Response:
        address = request.client.host if request.client else ""
        secret = log_in(pool, given.email, given.password, address)
        if secret is None:
            page = _page(request, onward(given.next), email=given.email, wrong=True, single_sign_on=single_sign_on)
            return HTMLResponse(page, status_code=401)
        answer = RedirectResponse(onward(given.next), status_code=303)
        keep(answer, secret, secure=secure)
        return answer

    @router.post("/logout")
    def leave(request: Request) -> Response:
        end_session(pool, request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
        return answer

    return router


def keep(answer: Response, secret: str, *, secure: bool) -> None:
    """Give a browser the secret of its session: no script reads it, and no other site's page sends it."""
    answer.set_cookie(
        COOKIE, secret, max_age=int(LASTS.total_seconds()), httponly=True, samesite="strict", secure=secure
    )


def onward(address: str) -> str:
    """Return an address of our own to go on to, whatever was asked for."""
    parts = urlsplit(address)
    ours = address.startswith("/") and not (parts.scheme or parts.netloc) and "\\" not in address
    return address if ours and not address.startswith("//") else "/"


def asked_for(request: Request) -> str:
    """Return where a person without a session wanted to go."""
    if request.method not in ("GET", "HEAD"):
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _page(request: Request, onto: str, *, email: str = "", wrong: bool = False, single_sign_on: bool = False) -> str:
    say = language(request.headers.get("accept-language", "")[:5].partition(",")[0])
    return render("login.html.j2", say, next=onto, email=email, wrong=wrong, single_sign_on=single_sign_on)
