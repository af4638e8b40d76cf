"""The help desk's REST server on loopback: pages with a cursor, a bearer token, and the bad days of a real server.

Every answer to a resource counts: a few are 429 with `Retry-After`, a few are 500, always the same ones, so that a run
against it can be repeated.
"""

from __future__ import annotations

import argparse
import hmac
import json
import re
import signal
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from forewarn.config.connections import name_connection
from forewarn.demo.connections import help_desk_token
from forewarn.demo.help_desk_data import RESOURCES, HelpDeskData

PAGE = 250
LARGEST_PAGE = 1000
BUSY_EVERY, BUSY_AT = 17, 3
BROKEN_EVERY, BROKEN_AT = 29, 7
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+ ]00:00)?)?")


class BadRequest(ValueError):
    """The caller asked for something that cannot be meant."""


class HelpDeskServer(ThreadingHTTPServer):
    """The server; `requests` counts the questions about resources so far."""

    daemon_threads = True

    def __init__(self, home: Path, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.data = HelpDeskData(home)
        self.token = help_desk_token(home)
        self.requests = 0
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Base address without the token."""
        return f"http://127.0.0.1:{self.server_port}"

    def count(self) -> int:
        """Count one request and return its number, from 1."""
        with self._lock:
            self.requests += 1
            return self.requests


class _Handler(BaseHTTPRequestHandler):
    server: HelpDeskServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        if parts.path == "/health":
            self._answer(200, {"status": "ok"})
            return
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            self._answer(401, {"error": "the bearer token is missing or wrong"})
            return
        name = parts.path.removeprefix("/api/v2/")
        if name not in RESOURCES:
            self._answer(404, {"error": f"no such resource; known: {', '.join(RESOURCES)}"})
            return
        number = self.server.count()
        if number % BUSY_EVERY == BUSY_AT:
            self._answer(429, {"error": "too many requests"}, {"Retry-After": "1"})
        elif number % BROKEN_EVERY == BROKEN_AT:
            self._answer(500, {"error": "internal error"})
        else:
            try:
                self._answer(200, _page(self.server.data, name, parse_qs(parts.query)))
            except BadRequest as error:
                self._answer(400, {"error": str(error)})

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: the caller's log tells what was asked."""

    def _answer(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _page(data: HelpDeskData, name: str, query: dict[str, list[str]]) -> dict[str, Any]:
    """Return one page; `next_cursor` is null on the last."""
    given = {key: values[-1] for key, values in query.items()}
    try:
        limit = min(LARGEST_PAGE, max(1, int(given.get("limit", PAGE))))
    except ValueError as error:
        raise BadRequest("limit must be a whole number") from error
    after = _read_cursor(given["cursor"]) if given.get("cursor") else ("", "")
    rows = data.page(name, since=_moment(given.get("updated_since", "")), after=after, limit=limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    return {name: rows, "next_cursor": _write_cursor(rows[-1]) if more else None}


def _moment(text: str) -> str:
    if not text:
        return ""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise BadRequest("updated_since must be a moment in UTC such as 2026-06-30T00:00:00Z")
    return f"{match[1]}T{match[2] or '00:00:00'}Z"


def _write_cursor(row: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps([row["updated_at"], row["id"]]).encode()).decode()


def _read_cursor(text: str) -> tuple[str, str]:
    try:
        updated, key = json.loads(urlsafe_b64decode(text.encode()))
    except ValueError as error:
        raise BadRequest("this cursor was not issued here") from error
    return str(updated), str(key)


@contextmanager
def serve(home: Path, port: int = 0) -> Iterator[HelpDeskServer]:
    """Serve the help desk of a seeded home in a thread, and name its address in `connections.yml`.

    Parameters
    ----------
    port : int
        0 takes a free one.
    """
    server = HelpDeskServer(home, port)
    name_connection(home, "demo_help_desk", f"http://{server.token}@127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted or told to end."""
    parser = argparse.ArgumentParser(prog="python -m forewarn.demo.help_desk", description=main.__doc__)
    parser.add_argument("--home", type=Path, required=True, help="home of a seeded company")
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 takes a free one")
    given = parser.parse_args(arguments)
    ended = threading.Event()
    # Said outright: a process that a shell started in the background inherits that SIGINT is ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serve(given.home, given.port) as server:
        print(f"help desk on {server.address}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
