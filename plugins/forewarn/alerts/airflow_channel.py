"""A run of a DAG over Airflow's REST API, under a run id that a repeat has as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from forewarn.alerts.actions import AirflowDag, filled, values_of
from forewarn.alerts.channel import Message
from forewarn.alerts.http_post import Poster
from forewarn.errors import DeliveryRejected, Permanent


class AirflowChannel:
    """Triggers one DAG; Airflow answers 409 to a run id that it has, and so a repeat starts no second run."""

    repeat_when_unknown = True

    def __init__(self, name: str, resolve: Callable[[], str], action: AirflowDag) -> None:
        self._resolve, self._action = resolve, action
        self._poster = Poster(name, self._address, private=action.may_reach_private)
        self._headers: dict[str, str] = {}

    def send(self, message: Message) -> str:
        """Trigger one run; see `Channel.send`."""
        run = {
            "dag_run_id": f"forewarn__{message.content.key}",
            "logical_date": None,
            "conf": filled(self._action.conf, values_of(message)),
        }
        if not self._headers:
            self._log_in()
        try:
            answer = self._poster.ask(
                "POST",
                f"/api/v2/dags/{self._action.dag}/dagRuns",
                headers=self._headers,
                body=json.dumps(run, ensure_ascii=False).encode(),
                expected={HTTPStatus.CONFLICT},
            )
        except DeliveryRejected as error:
            # Nobody else's address would make Airflow take it.
            raise Permanent(error.subject, expected=error.expected, got=error.got) from error
        was_there = ": it was there" if answer.status_code == HTTPStatus.CONFLICT else ""
        return f"{answer.status_code} {run['dag_run_id']}{was_there}"

    def finish(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _log_in(self) -> None:
        parts = urlsplit(self._resolve())
        user = {"username": unquote(parts.username or ""), "password": unquote(parts.password or "")}
        answer = self._poster.ask("POST", "/auth/token", headers={}, body=json.dumps(user).encode())
        try:
            token = str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise self._poster.down("no token", f"check connection `{self._action.connection}`") from None
        self._headers = {"authorization": f"Bearer {token}"}

    def _address(self) -> str:
        """Return the address without who logs in: that goes into one request's body alone."""
        parts = urlsplit(self._resolve())
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
