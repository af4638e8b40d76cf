"""The questions of docs/how-to/query-the-warehouse.md, asked as a head of sales, answered as computed by hand.

And the dashboards of bi/superset over the same published company, in a real Superset of the locked environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions
from sqlalchemy import make_url
from tests.integration.warehouse.company import PROJECT, Company

from forewarn.warehouse import access
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.metrics import ask, metric_names
from forewarn.warehouse.publish import publish

GUIDE = (PROJECT / "docs/how-to/query-the-warehouse.md").read_text("utf-8")
QUERIES = {int(number): query for number, query in re.findall(r"## (\d+)\. .*?```sql\n(.*?)```", GUIDE, re.DOTALL)}
MAY, DAY, NOW = date(2024, 5, 1), date(2024, 7, 1), datetime(2024, 7, 1, 6, tzinfo=UTC)

# b: 1,500 in the year, nothing in 90 days; a: 300, of which 200 in 90 days and 100 in the 90 before; c: 50; d: 10.
ORDERS = [
    ("1", "a", "2024-02-10T00:00Z", 100),
    ("2", "a", "2024-04-10T00:00Z", 100),
    ("3", "a", "2024-06-10T00:00Z", 100),
    ("4", "b", "2024-01-15T00:00Z", 1000),
    ("5", "b", "2024-03-01T00:00Z", 500),
    ("6", "c", "2024-06-20T00:00Z", 50),
    ("7", "d", "2023-09-01T00:00Z", 10),
]
ANSWERS: dict[int, list[tuple[Any, ...]]] = {
    1: [("Bob", "high", "Bert", 1500, 1200, "call"), ("Cy", "low", "Anna", 50, 25, "call")],
    2: [("south", 1, 0, 1200), ("north", 2, 1, 85)],
    3: [("Bert", 1, 1, 1500), ("Anna", 2, 1, 50)],
    4: [("Bob", 1500, 0, 0)],
    5: [("a", 1, 81), ("b", 1, 16), ("c", 2, 3)],
    6: [("active", 1, 21), ("at_risk", 1, 122), ("dormant", 1, 304), ("new", 1, 11)],
    7: [(DAY, 3, 2, pytest.approx(0.5))],
    8: [("Bob", 200, 30, pytest.approx(0.8))],
    9: [("Dan", "trade", 10, date(2023, 9, 1))],
    10: [(DAY, NOW, True)],
    # b, worth 250 a month, was last a customer in April; c is new in June.
    11: [(date(2024, 6, 1), 1, 0, 0), (date(2024, 5, 1), 1, 0, 0), (date(2024, 4, 1), 2, 1, 50)],
    12: [(date(2024, 6, 1), 75, 100, 100), (date(2024, 5, 1), 50, 100, 100), (date(2024, 4, 1), 50, 17, 17)],
    13: [
        (date(2024, 6, 1), 2, 150, 75, 90),
        (date(2024, 5, 1), 0, 0, None, 90),
        (date(2024, 4, 1), 1, 100, 100, None),
    ],
    # a bought once more in June; c was none yet, and b and d bought what they had bought.
    14: [("Ada", MAY, 200, 300)],
    # The two leads of d are one, which came by the web first.
    15: [("web", 2, 1, 50), ("fair", 1, 0, 0)],
}


@dataclass(frozen=True)
class Published:
    """A company that is published, and the address under which a head of sales reads it."""

    company: Company
    url: str


@pytest.fixture(scope="module")
def published(artefacts: None, new_company: Callable[[], Company]) -> Iterator[Published]:
    company = new_company()
    company.land("crm", "owner", "owner_id name email", [("1", "Anna", "anna@x.org"), ("2", "Bert", "bert@x.org")])
    company.land(
        "crm",
        "account",
        "account_id name segment region owner_id",
        [
            ("a", "Ada", "retail", "north", "1"),
            ("b", "Bob", "retail", "south", "2"),
            ("c", "Cy", "trade", "north", "1"),
            ("d", "Dan", "trade", "north", None),
        ],
    )
    company.land("erp", "order", "order_id account_id ordered_at amount", ORDERS, account_source="crm")
    company.land(
        "fin",
        "invoice",
        "invoice_id account_id issued_at due_at amount",
        [("v", "b", "2024-05-01T00:00Z", "2024-06-01T00:00Z", 200)],
        account_source="crm",
    )
    company.land("fin", "payment", "payment_id account_id invoice_id paid_at amount", [], account_source="crm")
    company.land(
        "crm",
        "lead",
        "lead_id created_at channel email account_id converted_at",
        [
            ("1", "2023-08-01T00:00Z", "fair", "d@d.org", "d", "2023-09-01T00:00Z"),
            ("2", "2023-07-01T00:00Z", "Web", "d@d.org", None, None),
            ("3", "2024-01-01T00:00Z", "web", "nobody@e.org", None, None),
            ("4", "2024-01-02T00:00Z", "fair", "none@f.org", None, None),
        ],
    )
    company.build(str(MAY), str(DAY))
    ids = {letter: company.customer(letter) for letter in "abcd"}
    for place, (letter, probability) in enumerate([("b", 0.8), ("c", 0.5), ("a", 0.2)], start=1):
        company.rows(
            "insert into ml.score values (%s, %s, 'non_contractual', 'm', '1', %s, 0.4, %s, '[]', now()) returning 1",
            ids[letter],
            DAY,
            probability,
            place,
        )
    for letter, level, owner, value, loss in (("b", "high", "Bert", 1500, 1200), ("c", "low", "Anna", 50, 25)):
        company.rows(
            'insert into alerts."case" (customer_id, episode, state, level, route, routes, owner_name, value_at_stake,'
            " expected_loss, reasons, next_step, opened_as_of, updated_as_of, opened_at, updated_at)"
            " values (%s, 1, 'open', %s, 'r', '{r}', %s, %s, %s, '[]', 'call', %s, %s, now(), now()) returning 1",
            ids[letter],
            level,
            owner,
            value,
            loss,
            DAY,
            DAY,
        )
    for day in (DAY, MAY):
        publish(company.settings, as_of_date=day, run_id="first", live=day == DAY, now=NOW)
    url = company.settings.warehouse_url
    password = access.grant(url, "head_of_sales", manager=None, every_customer=True, personal=True, now=NOW)
    reader = make_url(url).set(username="head_of_sales", password=password)
    yield Published(company, reader.render_as_string(hide_password=False))
    access.revoke(url, "head_of_sales")


@pytest.fixture(scope="module")
def head_of_sales(published: Published) -> Iterator[extensions.connection]:
    session = psycopg2.connect(dsn(published.url))
    yield session
    session.close()


def test_the_guide_asks_fifteen_questions() -> None:
    assert sorted(QUERIES) == sorted(ANSWERS) == list(range(1, 16))


@pytest.mark.parametrize("number", sorted(ANSWERS))
def test_the_answer_is_the_one_computed_by_hand(head_of_sales: extensions.connection, number: int) -> None:
    with head_of_sales, head_of_sales.cursor() as cursor:
        cursor.execute(QUERIES[number])
        found = [tuple(float(v) if hasattr(v, "as_tuple") else v for v in row) for row in cursor.fetchall()]
    assert found == ANSWERS[number]


SUPERSET = PROJECT / "bi/superset"
# Nothing of these happened to the company.
EMPTY = {
    "finance_credit",
    "quality_failed_checks",
    "quality_failures",
    "quality_pass_rate",
    "quality_rows_aside",
    "sales_alerts_by_rule",
    "sales_mrr_movements",
    "service_complaints",
}


@pytest.fixture(scope="module")
def superset(published: Published, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a real Superset says of every chart; its environment is kept between runs, beside uv's own cache."""
    uv = shutil.which("uv") or shutil.which(PROJECT / ".uv/bin/uv")
    if uv is None:
        pytest.skip("no uv: `make` puts one into .uv")
    lock = hashlib.sha256((SUPERSET / "uv.lock").read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = cache / "forewarn" / f"superset-{lock}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FOREWARN_", "SUPERSET_"))}
    subprocess.run(
        [uv, "sync", "--locked", "--quiet", "--project", str(SUPERSET)],
        check=True,
        env=inherited | {"UV_PROJECT_ENVIRONMENT": str(venv)},
    )
    home = tmp_path_factory.mktemp("superset")
    said = subprocess.run(
        [venv / "bin/python", PROJECT / "tests/support/superset_asked.py", SUPERSET],
        capture_output=True,
        text=True,
        check=False,
        env=inherited
        | {
            "FOREWARN_SUPERSET_ADMIN_PASSWORD": "not a secret here",
            "FOREWARN_SUPERSET_SECRET_KEY": "not a secret here, and long enough",
            "FOREWARN_SUPERSET_STORE_URL": f"sqlite:///{home / 'superset.db'}",
            "FOREWARN_SUPERSET_WAREHOUSE_URL": published.url,
            "SUPERSET_CONFIG_PATH": str(SUPERSET / "superset_config.py"),
            "SUPERSET_HOME": str(home),
        },
    )
    assert said.returncode == 0, said.stderr[-4000:]
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def _rows(superset: dict[str, Any], place: str) -> dict[date, dict[str, Any]]:
    """Return what was answered by month, of a chart or a dataset."""
    rows = superset["answers"][place]["rows"]
    return {datetime.fromtimestamp(row["month"] / 1000, tz=UTC).date(): row for row in rows}


@pytest.mark.capability("C49")
def test_superset_takes_every_dashboard_and_a_change_of_one_under_the_same_ids(superset: dict[str, Any]) -> None:
    charts = len(list((SUPERSET / "charts").glob("*.yaml")))
    assert superset["imported"] == {"databases": 1, "datasets": 12, "charts": charts, "dashboards": 4}
    assert (superset["changed"], superset["same_ids"]) == (1, True)
    assert len(superset["on_a_dashboard"]) == charts
    assert "scarf" not in superset["policy"]
    assert "default-src 'self'" in superset["policy"]


def test_every_chart_shows_rows_or_that_there_are_none(superset: dict[str, Any]) -> None:
    answers = {Path(place).stem: answer for place, answer in superset["answers"].items() if place.startswith("charts/")}
    assert {name: answer["error"] for name, answer in answers.items() if answer["error"]} == {}
    assert {name for name, answer in answers.items() if not answer["rows"]} == EMPTY


@pytest.mark.capability("C49")
def test_one_number_is_the_same_in_superset_in_the_semantic_layer_and_in_sql(
    superset: dict[str, Any], published: Published, head_of_sales: extensions.connection
) -> None:
    name, april = "non_contractual_logo_churn_rate", date(2024, 4, 1)
    in_superset = _rows(superset, "charts/sales_logo_churn.yaml")[april][name]
    answer = ask(published.company.settings, [name])
    in_metricflow = {str(month)[:10]: value for month, value in answer.rows}[str(april)]
    with head_of_sales, head_of_sales.cursor() as cursor:
        cursor.execute(f"select {name} from bi.kpi_monthly where month = %s", [april])
        (in_sql,) = cursor.fetchone() or (None,)
    # Of a and b, b was lost.
    assert (in_superset, in_metricflow, in_sql) == (0.5, 0.5, 0.5)


def test_every_metric_of_the_monthly_datasets_is_that_of_the_semantic_layer(
    superset: dict[str, Any], published: Published
) -> None:
    known = metric_names(published.company.settings)
    compared = 0
    for place in ("datasets/kpi_movements.yaml", "datasets/kpi_activity.yaml"):
        shown = _rows(superset, place)
        shared = sorted(set(known) & set(next(iter(shown.values()))))
        answer = ask(published.company.settings, shared)
        for month, *values in answer.rows:
            row = shown[date.fromisoformat(str(month)[:10])]
            for metric, value in zip(answer.columns[1:], values, strict=True):
                expected = None if value is None else pytest.approx(float(value))
                assert row[metric] == expected, (place, month, metric)
                compared += 1
    assert compared > 100
