"""Whom a case reaches: its account manager, a team, or the fallback, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from forewarn.alerts.levels import Route
from forewarn.config.project import Project
from forewarn.config.yaml import Document

# What a mail server can be given without quoting: anything stranger is sent to the fallback and shown to a person.
ADDRESS = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+\.?[^\s@<>()\[\]\\,;:\"]*"
)

Why = Literal["owner", "team", "no_owner", "no_address", "no_team", "rejected", "escalated", "operations"]


class RouteFile(BaseModel):
    """One route: `owner`, or the address of a team."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str
    name: str | None = None
    locale: str | None = None


class Routes(BaseModel):
    """The content of `routes.yml`; a route that is not in it goes to the fallback."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routes: dict[Route, RouteFile]


@dataclass(frozen=True)
class Owner:
    """A customer's account manager as the warehouse knows them."""

    name: str | None
    email: str | None
    locale: str | None = None


@dataclass(frozen=True)
class Recipient:
    """An address, the reader's name and language, and why it is this one."""

    address: str
    name: str | None
    locale: str
    why: Why


def load_routes(project: Project) -> Routes:
    """Read `routes.yml` beside the playbooks; without the file account managers get theirs and the fallback the rest.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    file = project.path(project.playbooks).with_name("routes.yml")
    if not file.is_file():
        return Routes(routes={"account_manager": RouteFile(to="owner")})
    document = Document(file)
    routes = document.read(Routes)
    for name, route in routes.routes.items():
        if route.to != "owner" and not is_address(route.to):
            raise document.error(["routes", name, "to"], f"`{route.to}` is no address", "write `owner` or an address")
    return routes


def is_address(text: str | None) -> bool:
    """Tell whether a text can be given to a mail server as an address."""
    return text is not None and len(text) <= 254 and ADDRESS.fullmatch(text) is not None


def recipient(route: Route, owner: Owner, routes: Mapping[Route, RouteFile], project: Project) -> Recipient:
    """Return whom a case of a route reaches."""

    def fallback(why: Why) -> Recipient:
        return Recipient(project.alerts.fallback_recipient, None, project.locale, why)

    if route not in routes:
        return fallback("no_team")
    team = routes[route]
    if team.to != "owner":
        return Recipient(team.to, team.name, team.locale or project.locale, "team")
    if owner.email is not None and is_address(owner.email):
        return Recipient(owner.email, owner.name, owner.locale or project.locale, "owner")
    return fallback("no_address" if owner.name else "no_owner")
