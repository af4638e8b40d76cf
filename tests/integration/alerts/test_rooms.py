"""Alerts on their way to rooms of people: no contact data leave, and a flood becomes a digest; each row is kept."""

from __future__ import annotations

import json

import pytest
from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse, simulated_project
from pytest_httpserver import HTTPServer

from forewarn.alerts import CaseCounts, dispatch, open_cases
from forewarn.alerts.group_robots import BURST
from forewarn.config.settings import Settings


def alerts(settings: Settings, marts: AlertingWarehouse, channel: str, customers: int) -> CaseCounts:
    for number in range(customers):
        marts.customer(f"c{number}", name=f"Customer {number}")
        marts.score(f"c{number}", 0.7)
    marts.publish()
    project = simulated_project(settings.config, channels=[channel])
    return open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)


@pytest.mark.capability("B14")
def test_46_a_flood_becomes_one_digest_and_every_row_says_so(
    settings: Settings, marts: AlertingWarehouse, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/send").respond_with_json({"errcode": 0, "errmsg": "ok"})
    assert alerts(settings, marts, "wecom", 25).letters == 25
    project = simulated_project(settings.config, channels=["wecom"])
    counts = dispatch(settings, project, now=NOW, resolve=lambda *_: httpserver.url_for("/send"))
    assert (counts.sent, len(httpserver.log)) == (25, BURST + 1)
    texts = [json.loads(request.get_data())["markdown"]["content"] for request, _ in httpserver.log]
    assert texts[-1].startswith("### 15 alerts")
    assert "Dana" not in "".join(texts), "the contact is named to the account manager alone"
    assert marts.rows("select state, attempts, count(*) from alerts.outbox group by 1, 2") == [("sent", 1, 25)]
    assert marts.rows("select count(*) from alerts.attempt where detail like 'in a digest of 15: %%'") == [(15,)]
    assert dispatch(settings, project, now=NOW, resolve=lambda *_: httpserver.url_for("/send")).sent == 0


def test_46_a_digest_that_is_refused_waits_row_by_row(
    settings: Settings, marts: AlertingWarehouse, httpserver: HTTPServer
) -> None:
    alerts(settings, marts, "feishu", BURST + 3)
    project = simulated_project(settings.config, channels=["feishu"])
    for _ in range(BURST):
        httpserver.expect_ordered_request("/send").respond_with_json({"code": 0, "msg": "success"})
    httpserver.expect_ordered_request("/send").respond_with_json({"code": 9499, "msg": "too many request"})
    counts = dispatch(settings, project, now=NOW, resolve=lambda *_: httpserver.url_for("/send"))
    assert (counts.sent, counts.retried) == (BURST, 3)
    assert marts.rows("select state, count(*) from alerts.outbox group by 1 order by 1") == [
        ("retry", 3),
        ("sent", BURST),
    ]


def test_mail_names_the_contact(settings: Settings, marts: AlertingWarehouse) -> None:
    alerts(settings, marts, "email", 1)
    ((step,),) = marts.rows("select payload ->> 'next_step' from alerts.outbox")
    assert "Dana Kim" in step
