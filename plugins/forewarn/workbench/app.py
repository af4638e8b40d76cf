"""The workbench: pages behind the links of messages and behind a log-in. Looking changes nothing; a button acts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from forewarn.alerts.answer_links import LinkBook
from forewarn.alerts.routing import load_routing
from forewarn.config.project import Project
from forewarn.workbench.account_page import account_page
from forewarn.workbench.away import away
from forewarn.workbench.customer import customer
from forewarn.workbench.data_health import data_health
from forewarn.workbench.desk import Desk
from forewarn.workbench.entrance import asked_for, entrance
from forewarn.workbench.evidence import record_page
from forewarn.workbench.guard import HEALTH, Guard
from forewarn.workbench.inbox import inbox
from forewarn.workbench.kpis import kpis
from forewarn.workbench.links import links
from forewarn.workbench.missed_page import missed_page
from forewarn.workbench.pages import refusal_page
from forewarn.workbench.performance import performance
from forewarn.workbench.playbook_page import playbook_page
from forewarn.workbench.pool import Pool
from forewarn.workbench.refusals import STATUS, Kind, Refused
from forewarn.workbench.rule_editor import rule_editor
from forewarn.workbench.saved import saved
from forewarn.workbench.single_sign_on import Provider, single_sign_on
from forewarn.workbench.tasks import tasks
from forewarn.workbench.team import team
from forewarn.workbench.timeline import timeline
from forewarn.workbench.visit import Workbench

STATIC = Path(__file__).parent / "static"
_KINDS: dict[int, Kind] = {404: "gone", 405: "method"}


def create_app(
    pool: Pool,
    book: LinkBook,
    project: Project,
    *,
    provider: Provider | None = None,
    hosts: Collection[str] = (),
    a_minute: int | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    pool
        Closed when the application ends.
    provider
        Who else lets people in; None where only passwords do.
    hosts
        Names beside that of the links' address under which it may be asked for.
    a_minute
        Requests of one address that are answered within a minute; None for all.
    clock
        Returns the moment, in UTC; asked once a request.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        pool.close()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.get(HEALTH)
    def health() -> PlainTextResponse:
        pool.alive()
        return PlainTextResponse("healthy")

    app.include_router(links(Desk(pool), book, clock))
    secure = book.base.startswith("https://")
    app.include_router(entrance(pool, secure=secure, single_sign_on=provider is not None))
    if provider is not None:
        app.include_router(single_sign_on(pool, provider, book.base, clock, secure=secure))
    workbench = Workbench(pool, project, load_routing(project), clock)
    of_a_customer = (customer, timeline, record_page)
    of_figures = (performance, saved, missed_page, kpis)
    of_people = (inbox, tasks, *of_a_customer, team, *of_figures, playbook_page, rule_editor, away)
    for pages in (*of_people, data_health, account_page):
        app.include_router(pages(workbench))

    _add_refusals(app)
    app.add_middleware(
        Guard,
        hosts={urlsplit(book.base).netloc.lower(), *hosts},
        one_click="/mail/fewer_mails/",
        refuse=_refuse,
        a_minute=a_minute,
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
        return await _refuse(request, Refused("gone" if of_address else "unreadable"))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        return await _refuse(request, Refused(_KINDS.get(error.status_code, "unreadable")))

    @app.exception_handler(Exception)
    async def on_failed(request: Request, error: Exception) -> Response:
        del error  # the server logs it
        return await _refuse(request, Refused("failed"))


async def _refuse(request: Request, refused: Refused) -> Response:
    if refused.kind == "login":
        return RedirectResponse(f"/login?{urlencode({'next': asked_for(request)})}", STATUS["login"])
    locale = refused.locale or request.headers.get("accept-language", "")[:5].partition(",")[0]
    return HTMLResponse(refusal_page(refused, locale), STATUS[refused.kind])
