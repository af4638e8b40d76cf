"""What holds for every request before any page sees it: the right name, the right origin, a small body; and headers.

Nothing here writes an address into a log: links in it act for their readers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from forewarn.workbench.refusals import STATUS, Kind, Refused
from forewarn.workbench.watched import SECONDS, Flood

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 16_384
HEALTH = "/healthz"
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    # Not no-referrer: with it browsers post forms with `Origin: null`, and nobody could tell our page from another's.
    # Of an address with a link only scheme and host are ever passed on.
    "referrer-policy": "strict-origin",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
READS = ("GET", "HEAD", "OPTIONS")

_log = logging.getLogger("forewarn.workbench")


class Guard:
    """Wraps the application.

    Parameters
    ----------
    hosts
        Names, with their ports, under which the workbench may be asked for; any other is a rebinding trick.
    one_click
        Beginning of the paths that mail programs post to by themselves, without an origin (RFC 8058).
    refuse
        Returns the page of a refusal.
    a_minute
        Requests of one address that are answered within a minute; None for all. Style sheets and health do not count.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        one_click: str,
        refuse: Callable[[Request, Refused], Awaitable[Response]],
        a_minute: int | None = None,
    ) -> None:
        self._app, self._hosts, self._one_click, self._refuse = app, frozenset(hosts), one_click, refuse
        self._flood = None if a_minute is None else Flood(a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from starlette.requests import Request

        began, status = time.perf_counter(), 500
        # A page is asked for its head as it is asked for itself; the server leaves the body out.
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                lasting = scope["path"].startswith("/static/") and status == 200
                if status == STATUS["flood"]:
                    headers["retry-after"] = "60"
                headers["cache-control"] = "public, max-age=86400" if lasting else "no-store"
            await send(message)

        try:
            kind = self._objection(scope)
            body = b"" if kind or scope["method"] in READS else await _read(receive)
            if kind is None and body is None:
                kind = "large"
            elif kind is None and _has_nul(scope, body or b""):
                kind = "unreadable"
            if kind is not None:
                await (await self._refuse(Request(scope), Refused(kind)))(scope, receive, with_headers)
            elif body is not None:
                await self._app(asked, _replay(body, receive), with_headers)
        finally:
            # The route's own pattern, with names in place of what a link says.
            route = getattr(asked.get("route"), "path", "-")
            took = time.perf_counter() - began
            SECONDS.labels(scope["method"], route, status).observe(took)
            facts = {"method": scope["method"], "route": route, "status": status, "milliseconds": round(took * 1000)}
            _log.info("%(method)s %(route)s %(status)d %(milliseconds)d ms", facts, extra=facts)

    def _objection(self, scope: Scope) -> Kind | None:
        headers = Headers(scope=scope)
        host, path = headers.get("host", "").lower(), scope["path"]
        if path != HEALTH and host not in self._hosts:
            return "misdirected"
        if self._flood and path != HEALTH and not path.startswith("/static/") and self._flood.is_over(scope):
            return "flood"
        if scope["method"] in READS:
            return None
        if (origin := headers.get("origin")) is not None:
            return None if origin.lower().partition("://")[2] == host else "foreign"
        if headers.get("sec-fetch-site") == "same-origin" or path.startswith(self._one_click):
            return None
        return "foreign"


def _has_nul(scope: Scope, body: bytes) -> bool:
    """Tell whether a request has a NUL somewhere: the database can hold none, and nobody types one."""
    return "\0" in scope["path"] or any(
        nul in part for nul in (b"%00", b"\0") for part in (scope["query_string"], body)
    )


async def _read(receive: Receive) -> bytes | None:
    """Return a request's body; None as soon as it is larger than anything that we ask for, or cut off."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed
