"""The accounts of the workbench: an admin adds them, gives roles and passwords, lets nobody in and lets in again.

Policies of the database decide what an admin may change, and that nobody changes the own account (decision 0040).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from psycopg2.errors import InsufficientPrivilege
from pydantic import BaseModel, ConfigDict, Field

from forewarn.alerts.language import CATALOGS, ORIGINAL
from forewarn.alerts.plain import one_line
from forewarn.errors import Permanent
from forewarn.workbench import accounts
from forewarn.workbench.pool import Role
from forewarn.workbench.visit import Visit, Workbench

PAGE = "/accounts"


_NOBODY: dict[str, Any] = {
    **dict.fromkeys(("email", "name", "managers"), ""),
    **{"role": "manager", "locale": ORIGINAL, "by_password": True},
}


class Named(BaseModel):
    """The account that is meant."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254)


class NewRole(Named):
    """Another role; `managers` are e-mails, names or keys, with commas between."""

    role: Role
    managers: str = Field(default="", max_length=1000)

    @property
    def wanted(self) -> list[str]:
        """The managers, each by itself."""
        return [one.strip() for one in self.managers.split(",") if one.strip()]


class NewAccount(NewRole):
    """A person who may log in from now on; `by_password` is left out by a browser whose box is empty."""

    name: str = Field(min_length=1, max_length=200)
    locale: str = Field(max_length=20)
    by_password: bool = False


def account_page(workbench: Workbench) -> APIRouter:
    """Return the routes of accounts."""
    router = APIRouter()

    @router.get(PAGE, response_class=HTMLResponse)
    def show(request: Request) -> str:
        with workbench.visit(request, PAGE) as visit:
            return _page(visit)

    @router.post(PAGE)
    def add(request: Request, new: Annotated[NewAccount, Form()]) -> Response:
        password = accounts.new_password() if new.by_password else None

        def enter(visit: Visit) -> None:
            accounts.add(
                visit.cursor,
                new.email.strip(),
                name=one_line(new.name, 200),
                role=new.role,
                locale=new.locale,
                managers=new.wanted,
                password=password,
                by=visit.viewer.email,
                now=visit.now,
            )

        return _do(workbench, request, enter, new, password=password)

    @router.post(f"{PAGE}/role")
    def role(request: Request, new: Annotated[NewRole, Form()]) -> Response:
        def change(visit: Visit) -> None:
            by = visit.viewer.email
            accounts.set_role(visit.cursor, new.email, new.role, new.wanted, by=by, now=visit.now)

        return _do(workbench, request, change, new)

    @router.post(f"{PAGE}/password")
    def password(request: Request, of: Annotated[Named, Form()]) -> Response:
        new = accounts.new_password()

        def change(visit: Visit) -> None:
            accounts.set_password(visit.cursor, of.email, new, by=visit.viewer.email, now=visit.now)

        return _do(workbench, request, change, of, password=new)

    @router.post(f"{PAGE}/disable")
    def disable(request: Request, of: Annotated[Named, Form()]) -> Response:
        return _do(workbench, request, _letting(accounts.disable, of), of)

    @router.post(f"{PAGE}/enable")
    def enable(request: Request, of: Annotated[Named, Form()]) -> Response:
        return _do(workbench, request, _letting(accounts.enable, of), of)

    return router


def _letting(do: Callable[..., bool], of: Named) -> Callable[[Visit], None]:
    def change(visit: Visit) -> None:
        do(visit.cursor, of.email, by=visit.viewer.email, now=visit.now)

    return change


def _do(
    workbench: Workbench,
    request: Request,
    change: Callable[[Visit], None],
    given: Named,
    *,
    password: str | None = None,
) -> Response:
    """Change an account; a new password is shown on the answer itself, once, and is in no address."""
    with workbench.visit(request, PAGE, reading=False) as visit:
        try:
            if given.email.strip().lower() == visit.viewer.email:
                # The database would let such an update of nothing pass; the person should read why.
                raise Permanent(given.email, expected="another person's account", got="your own")
            change(visit)
        except (Permanent, InsufficientPrivilege) as error:
            visit.start_over()
            wrong = str(error) if isinstance(error, Permanent) else visit.say.text("desk", "accounts", "not_yours")
            return HTMLResponse(_page(visit, wrong=wrong, given=given), status_code=409)
        if password is not None:
            return HTMLResponse(_page(visit, password=password, given=given))
    return RedirectResponse(PAGE, status_code=303)


def _page(visit: Visit, *, wrong: str = "", password: str = "", given: Named | None = None) -> str:
    new = given if isinstance(given, NewAccount) and wrong else None
    return visit.render(
        "accounts.html.j2",
        accounts=visit.rows("select * from workbench.accounts()"),
        managers=visit.rows("select * from workbench.managers()"),
        roles=get_args(Role),
        locales=list(CATALOGS.values()),
        wrong=wrong,
        password=password,
        person=given.email if given else "",
        new=new.model_dump() if new else _NOBODY,
        entering=new is not None,
        moment=lambda at: f"{visit.say.date(at.date())}, {at:%H:%M} UTC",
    )
