"""Alerted customers, the workbench over the login of the role `web`, and a client that presses like a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alerting_warehouse import DAY, NOW, RUN, SILENT, AlertingWarehouse, installed, simulated_project
from fastapi.testclient import TestClient
from sqlalchemy import make_url

from forewarn.alerts import evaluate_rules, open_cases
from forewarn.alerts.answer_links import Link, LinkBook, Purpose, Signer, path
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse import access
from forewarn.workbench.app import create_app
from forewarn.workbench.pool import Pool

BASE = "https://forewarn.meridian.example"
KEY = "a-key-for-tests-which-is-long-enough"
TABLES = ("signal", '"case"', "case_event", "outbox", "attempt", "mail_wish", "hold", "task", "task_event")


@dataclass
class Answering:
    """The workbench before one open case: its message by mail has the number `alert_id`, that in the room `in_room`.

    `now` is the workbench's clock; `form` are the headers that a browser sends with a form.
    """

    marts: AlertingWarehouse
    client: TestClient
    book: LinkBook
    pool: Pool
    project: Project
    url: str
    case_id: int = 0
    alert_id: int = 0
    in_room: int = 0
    reader: str = ""
    now: datetime = NOW
    form: dict[str, str] = field(default_factory=lambda: {"origin": BASE})

    def before(self, customer: str) -> None:
        """Turn to the case of a customer, at the hour when it was opened."""
        rows = self.marts.rows(
            'select case_id, channel, alert_id, recipient from alerts.outbox join alerts."case" using (case_id)'
            " where customer_id = %s order by channel",
            [customer],
        )
        (self.case_id, _, self.alert_id, self.reader), (_, _, self.in_room, _) = rows
        self.now = NOW

    def path(self, purpose: Purpose, **other: Any) -> str:
        link = {"alert_id": self.alert_id, "case_id": self.case_id} | other
        return path(Link(purpose, expires_at=NOW + timedelta(days=30), **link), self.book.signer)

    def press(self, purpose: Purpose, note: str = "", **other: Any) -> Any:
        """Follow a link and press its button; returns the page that the browser shows then."""
        return self.post(self.path(purpose, **other), answer=purpose, note=note)

    def post(self, address: str, **posted: str) -> Any:
        return self.client.post(address, data=posted, headers=self.form)

    def undo(self, page: str) -> Any:
        """Press the button that takes back, on a page that has one."""
        [address] = re.findall(r'action="(/cases/\d+/undo/[^"]+)"', page)
        return self.post(address, answer="undo")

    def case(self, columns: str) -> tuple[Any, ...]:
        return self.marts.rows(f'select {columns} from alerts."case" where case_id = %s', [self.case_id])[0]

    def events(self) -> list[tuple[Any, ...]]:
        """What people did to the case, without what Forewarn did."""
        return self.marts.rows(
            "select kind, reason, detail ->> 'by' from alerts.case_event where case_id = %s and detail ? 'by'"
            " order by event_id",
            [self.case_id],
        )

    def messages(self) -> list[tuple[Any, ...]]:
        return self.marts.rows(
            "select channel, state, reason from alerts.outbox where case_id = %s order by 1", [self.case_id]
        )

    def tasks(self) -> list[tuple[Any, ...]]:
        return self.marts.rows("select state, outcome from alerts.task where case_id = %s order by 1", [self.case_id])

    def everything(self) -> list[Any]:
        return [self.marts.rows(f"select * from alerts.{table} order by 1") for table in TABLES]


@contextmanager
def answering(owner: Settings, login: str, customers: Mapping[str, dict[str, Any]]) -> Iterator[Answering]:
    """Tell the managers of some customers by mail and in a room, and open the workbench as a new login.

    `customers` are ids with attributes; each has a manager of its own.
    """
    marts = installed(owner)
    for number, (customer, attributes) in enumerate(customers.items()):
        marts.customer(customer, **{"owner_email": f"manager-{number}@meridian.example"} | attributes)
        marts.features(customer, **SILENT)
    marts.publish()
    project = simulated_project(owner.config, channels=["email", "wecom"])
    evaluate_rules(owner, project, as_of_date=DAY, now=NOW)
    assert open_cases(owner, project, as_of_date=DAY, run_id=RUN, now=NOW).opened == len(customers)
    password = access.create_service(owner.warehouse_url, login, "web")
    url = make_url(owner.warehouse_url).set(username=login, password=password).render_as_string(hide_password=False)
    book = LinkBook(BASE, Signer([KEY]), timedelta(days=30))
    pool = Pool(replace(owner, web_url=url).as_service("web").warehouse_url)
    app = create_app(pool, book, project, clock=lambda: found.now)
    try:
        with TestClient(app, base_url=BASE) as client:
            found = Answering(marts, client, book, pool, project, url)
            yield found
    finally:
        marts.run(f"drop owned by {login}; drop role {login}")
        marts.connection.close()


def installation(url: str, home: Path) -> Settings:
    """Return the settings of an installation over a warehouse."""
    project = Path(__file__).resolve().parents[2]
    return Settings(project, project / "config", home, url, f"sqlite:///{home / 'mlflow.db'}")
