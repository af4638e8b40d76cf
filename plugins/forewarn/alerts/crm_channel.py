"""A task in a CRM over its REST API: written once under an external id, and asked for before it is repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from forewarn.alerts.actions import CrmTask, filled, values_of
from forewarn.alerts.channel import Message
from forewarn.alerts.http_post import Poster
from forewarn.alerts.plain import one_line


class CrmChannel:
    """Writes tasks as `actions.yml` says.

    Whether an attempt that nobody answered was taken is asked by external id: a second try of PUT and PATCH writes the
    same task, and one of POST writes none where the first has.
    """

    repeat_when_unknown = True

    def __init__(self, name: str, resolve: Callable[[], str], action: CrmTask) -> None:
        self._poster, self._action = Poster(name, resolve, private=action.may_reach_private), action

    def send(self, message: Message) -> str:
        """Write one task; see `Channel.send`."""
        values, action = values_of(message), self._action
        headers = filled(action.headers, values | {"secret": self._poster.secret})
        if action.method == "POST" and message.attempt > 1 and (there := self._there(values, headers)):
            return there
        answer = self._poster.ask(
            action.method,
            _path(action.path, values),
            headers=headers,
            body=json.dumps(filled(action.body, values), ensure_ascii=False).encode(),
            expected={HTTPStatus.CONFLICT} if action.method == "POST" else (),
        )
        if answer.status_code == HTTPStatus.CONFLICT:
            return self._there(values, headers) or f"409 {one_line(answer.text, 200)}: it was there"
        return f"{answer.status_code} {self._number(answer) or one_line(answer.text, 200)}".strip()

    def finish(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _there(self, values: dict[str, Any], headers: dict[str, str]) -> str:
        """Return what says that the task is there already; empty where it is not."""
        path = _path(self._action.ask or "", values)
        answer = self._poster.ask("GET", path, headers=headers, expected={HTTPStatus.NOT_FOUND})
        number = self._number(answer) if answer.is_success else ""
        return f"{number}: it was there" if number else ""

    def _number(self, answer: httpx.Response) -> str:
        """Return the CRM's own number of a task; empty where the answer has none."""
        try:
            found = answer.json()
            for part in self._action.id_at.split("."):
                found = found[int(part) if isinstance(found, list) else part]
        except (ValueError, KeyError, IndexError, TypeError):
            return ""
        return one_line(str(found), 100) if isinstance(found, str | int) else ""


def _path(template: str, values: dict[str, Any]) -> str:
    return str(filled(template, {name: quote(str(value), safe="") for name, value in values.items()}))
