"""A CRM's REST API on loopback: tasks under external ids, a token, and the refusals of a real one."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

TOKEN = "t0ken"
# Of `answers`: take the task, and say so too late.
LATE = "late"
_TASK = re.compile(r"/api/tasks/\w+")


class Crm:
    """Keeps tasks by external id.

    Attributes
    ----------
    answers
        What the next writes are answered with, one entry each: a status, or `LATE`; None or no entry: as they deserve.
    written
        External ids in the order of the writes that were taken.
    asked
        Paths of the requests that only asked.
    """

    def __init__(self, server: HTTPServer) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.written: list[str] = []
        self.asked: list[str] = []
        self.answers: list[int | str | None] = []
        self.patience = 0.5
        self.url = server.url_for("/api") + f"#{TOKEN}"
        server.expect_request("/api/tasks", method="POST").respond_with_handler(self._post)
        server.expect_request("/api/tasks", method="GET").respond_with_handler(self._find)
        for method in ("PUT", "GET"):
            server.expect_request(_TASK, method=method).respond_with_handler(
                self._put if method == "PUT" else self._get
            )

    def _post(self, request: Request) -> Response:
        content = _json(request)
        return self._write(request, str(content.get("external_id")), content, upsert=False)

    def _put(self, request: Request) -> Response:
        return self._write(request, request.path.rpartition("/")[2], _json(request), upsert=True)

    def _write(self, request: Request, external_id: str, content: dict[str, Any], *, upsert: bool) -> Response:
        if refused := _unknown_token(request):
            return refused
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, int):
            return _said(answer, {"error": "as told"}, {"Retry-After": "600"} if answer == 429 else {})
        if not content.get("subject") or "@" not in str(content.get("owner")):
            return _said(422, {"error": "owner is unknown"})
        if external_id in self.tasks and not upsert:
            return _said(409, {"error": "duplicate external_id"})
        known = self.tasks.get(external_id, {"id": len(self.tasks) + 1})
        self.tasks[external_id] = content | {"id": known["id"]}
        self.written.append(external_id)
        if answer == LATE:
            time.sleep(self.patience)
        return _said(200 if "subject" in known else 201, {"data": {"id": known["id"]}})

    def _find(self, request: Request) -> Response:
        found = self.tasks.get(request.args["external_id"])
        return _unknown_token(request) or self._told(request, [found] if found else [])

    def _get(self, request: Request) -> Response:
        found = self.tasks.get(request.path.rpartition("/")[2])
        return _unknown_token(request) or (self._told(request, found) if found else _said(404, {"error": "no task"}))

    def _told(self, request: Request, data: Sequence[Any] | dict[str, Any]) -> Response:
        self.asked.append(request.full_path)
        return _said(200, {"data": data})


def _json(request: Request) -> dict[str, Any]:
    return dict(json.loads(request.get_data()))


def _said(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers or {}, content_type="application/json")


def _unknown_token(request: Request) -> Response | None:
    return None if request.headers.get("Authorization") == f"Bearer {TOKEN}" else _said(401, {"error": "token"})
