"""Asking a REST server for one page: patient with what passes, quick to give up on what does not."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from forewarn.errors import SourceRejected, SourceUnavailable
from forewarn.sources.model import RestSource

MAX_BODY = 64 << 20
ATTEMPTS = 5
_CUT = (httpx.RemoteProtocolError, httpx.TransportError)


@dataclass(frozen=True)
class Page:
    """One answer: its JSON, the address of the next page by its Link header, and its raw bytes."""

    body: Any
    next_link: str | None
    content: bytes


class Server:
    """A REST server, reached by one connection; the deadline counts from here, for all pages together."""

    def __init__(
        self,
        url: str,
        source: RestSource,
        subject: str,
        *,
        headers: Mapping[str, str],
        deadline: float,
        longest_wait: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
        self.base = urlunsplit((parts.scheme, f"{f'[{host}]' if ':' in host else host}{port}", parts.path, "", ""))
        self.subject, self.connection = subject, source.connection
        self._clock, self._sleep = clock, sleep
        self._ends, self._longest_wait, self._seconds = clock() + deadline, longest_wait, deadline
        self._auth, self._secret_params, secret_headers = _credential(url, source)
        # Their log of each request has the whole address, and with `auth.query` the credential is in it.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._client = httpx.Client(
            headers={"accept": "application/json", "user-agent": "forewarn"} | dict(headers) | secret_headers,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def address(self, path: str) -> str:
        """Return the address of a path, or of a link that the server gave.

        Raises
        ------
        SourceRejected
            The link leads to another host, which must not see the credential.
        """
        found = httpx.URL(self.base.rstrip("/") + "/").join(path.lstrip("/") if not path.startswith("http") else path)
        if (
            urlsplit(path).scheme == ""
            and path.startswith("/")
            and self.base
            and path.startswith(urlsplit(self.base).path + "/")
        ):
            found = httpx.URL(self.base).join(path)
        base = httpx.URL(self.base)
        if (found.scheme, found.host, found.port) != (base.scheme, base.host, base.port):
            raise self._rejected(f"links within {base.host}", f"a link to {found.host}", "check the server")
        return str(found)

    def get(self, address: str, params: Mapping[str, str]) -> Page:
        """Return one page.

        Raises
        ------
        SourceRejected
            The answer cannot be used and will not be better next time: 401, 403, 404, HTML with 200.
        SourceUnavailable
            No usable answer within the attempts, the longest wait and the deadline.
        """
        problem = "no answer"
        for attempt in range(1, ATTEMPTS + 1):
            wait = min(0.25 * 2**attempt, 8.0) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, no secret
            try:
                status, headers, content = self._ask(address, params)
            except _CUT as error:
                problem = f"a broken connection ({type(error).__name__})"
            else:
                if status == 200:
                    try:
                        return self._page(headers, content)
                    except json.JSONDecodeError as error:
                        problem = f"200 with JSON that breaks off ({error.msg} at character {error.pos})"
                elif status in (408, 425, 429) or status >= 500:
                    problem = f"status {status}"
                    wait = self._asked_to_wait(headers, wait)
                else:
                    raise self._refused(status, headers)
            if attempt < ATTEMPTS:
                self._pause(wait, problem)
        raise self._unavailable(f"{problem}, {ATTEMPTS} times", "nothing was landed; a later run tries again")

    def _ask(self, address: str, params: Mapping[str, str]) -> tuple[int, httpx.Headers, bytes]:
        left = self._left("an answer")
        merged = httpx.URL(address).copy_merge_params({**params, **self._secret_params})
        timeout = httpx.Timeout(min(30.0, left), connect=min(10.0, left))
        with self._client.stream("GET", merged, auth=self._auth, timeout=timeout) as response:
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                # A server that drips keeps each read short and the whole endless.
                self._left("the whole answer")
                if len(content) > MAX_BODY:
                    raise self._rejected(f"a page of at most {MAX_BODY >> 20} MB", "more", "ask for smaller pages")
            return response.status_code, response.headers, bytes(content)

    def _page(self, headers: httpx.Headers, content: bytes) -> Page:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        start = content.lstrip()[:1]
        if kind in ("text/html", "application/xhtml+xml") or start == b"<":
            raise self._rejected(
                "JSON",
                f"200 with {kind or 'no content type'}, a page for people",
                f"check path and credential of connection {self.connection}: this is often a log-in page",
            )
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._rejected("JSON in UTF-8", f"bytes that are not ({error.reason})", "check the server") from None
        body = json.loads(text, parse_float=Decimal, parse_constant=str)
        link = httpx.Response(200, headers={"link": headers.get("link", "")}).links.get("next", {}).get("url")
        return Page(body, link, content)

    def _asked_to_wait(self, headers: httpx.Headers, default: float) -> float:
        asked = headers.get("retry-after", "").strip()
        if not asked:
            return default
        if asked.isdigit():
            wait = float(asked)
        else:
            wait = default
            with suppress(ValueError, TypeError):
                answered: datetime = parsedate_to_datetime(headers["date"]) if "date" in headers else None  # type: ignore[assignment]
                wait = max(0.0, (parsedate_to_datetime(asked) - answered).total_seconds())
        if wait > self._longest_wait:
            raise self._unavailable(
                f"a request to wait {wait:.0f} s, and the longest wait is {self._longest_wait:.0f} s",
                "run later, or raise `longest_wait`",
            )
        return max(wait, 0.05)

    def _pause(self, wait: float, problem: str) -> None:
        if self._clock() + wait >= self._ends:
            raise self._unavailable(f"{problem} until the deadline of {self._seconds:.0f} s", "run later")
        self._sleep(wait)

    def _left(self, wanted: str) -> float:
        left = self._ends - self._clock()
        if left <= 0:
            raise SourceUnavailable(
                self.subject,
                expected=f"{wanted} within {self._seconds:.0f} s for the whole stream",
                got="a slower one",
                next_step="nothing was landed; run later, or raise `deadline`",
            )
        return left

    def _refused(self, status: int, headers: httpx.Headers) -> SourceRejected:
        if status in (401, 403):
            step = f"retrying cannot help; check the credential of connection {self.connection}"
        elif 300 <= status < 400:
            host = httpx.URL(headers.get("location", "")).host or "the same host"
            step = f"it redirects to {host}: put the final address into connection {self.connection}"
        else:
            step = f"retrying cannot help; check `path` and connection {self.connection}"
        return self._rejected("status 200", f"status {status}", step)

    def _rejected(self, expected: str, got: str, next_step: str) -> SourceRejected:
        return SourceRejected(self.subject, expected=expected, got=got, next_step=next_step)

    def _unavailable(self, got: str, next_step: str) -> SourceUnavailable:
        return SourceUnavailable(self.subject, expected="an answer", got=got, next_step=next_step)


def _credential(url: str, source: RestSource) -> tuple[httpx.Auth | None, dict[str, str], dict[str, str]]:
    """Return auth, query parameters and headers that carry the URL's secret."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    query = dict(httpx.QueryParams(parts.query).items())
    secret = password or user
    if source.auth.header and secret:
        return None, query, {source.auth.header: secret}
    if source.auth.query and secret:
        return None, query | {source.auth.query: secret}, {}
    if password:
        return httpx.BasicAuth(user, password), query, {}
    return None, query, {"authorization": f"Bearer {user}"} if user else {}
