"""A reminder some days after a purchase: exact at the day, once an order, and none for what does not stand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from alerting_warehouse import DAY, NOW, AlertingWarehouse
from mail_receiver import Receiver
from playbook_company import ANA, BOOK, Company

from forewarn.alerts import dispatch, open_cases
from forewarn.alerts.task_answers import TaskAnswer, answer_task
from forewarn.config.settings import Settings

CARE = """
after_purchase:
  - id: first_order
    when: order_number = 1
    days: 14
    step: "Ask {contact} by {due} how the order of {ordered} went."
    offer: "Offer a short training."
    contact_every_days: 5
  - {id: large_saw, when: "amount >= 5000 and category = 'Saws'", days: 3, who: service, step: "Ask about the saw."}
"""


class Shop(Company):
    """A company whose orders are given by hand."""

    def order(
        self,
        key: str,
        day: date,
        amount: float = 100,
        *,
        customer: str = "c1",
        known: date | None = None,
        cancelled: date | None = None,
        returned: date | None = None,
        categories: tuple[str | None, ...] = (None,),
    ) -> None:
        self.marts.run(
            "insert into intermediate.int_orders values (%s, %s, %s, %s, %s, %s, %s, true)",
            [key, customer, datetime.combine(day, time(12), UTC), day, known or day, cancelled, amount],
        )
        for category in categories:
            self.marts.run(
                "insert into intermediate.int_purchase_articles values (%s, %s, %s)", [key, category, returned]
            )

    def due(self, ahead: int, **changes: object) -> list[str]:
        """Let a day pass and return the orders that are newly reminded of."""
        before = {row[0] for row in self.tasks("order_key")}
        self.day(ahead, **changes)  # type: ignore[arg-type]
        return sorted({str(row[0]) for row in self.tasks("order_key") if row[0] not in before})


@pytest.fixture
def shop(settings: Settings, marts: AlertingWarehouse, tmp_path: Path) -> Shop:
    marts.run(
        "create schema if not exists intermediate; create table intermediate.int_orders (order_key text,"
        " customer_id text, ordered_at timestamptz, day date, known_day date, cancelled_day date, amount numeric,"
        " is_purchase boolean); create table intermediate.int_purchase_articles (order_key text, category text,"
        " returned_day date)"
    )
    marts.customer("c1", owner_time_zone="Asia/Shanghai")
    company = Shop(settings, marts, tmp_path)
    company.book.write_text(BOOK + CARE, encoding="utf-8")
    return company


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


@pytest.mark.capability("C39")
def test_it_is_due_on_the_day_and_once(shop: Shop) -> None:
    shop.order("erp|1", ago(13))
    assert shop.due(0) == []
    assert shop.due(1) == ["erp|1"]
    assert shop.tasks("case_id, customer_id, role, step, due_on, owner_email, text, contact_every_days, state") == [
        (
            None,
            "c1",
            "account_manager",
            "first_order",
            DAY + timedelta(days=1),
            ANA,
            "Ask Dana Kim by Tuesday, Nov 17 how the order of Tuesday, Nov 3 went. Offer a short training.",
            5,
            "open",
        )
    ]
    for again in (1, 2, 3):
        assert shop.due(again) == []
    assert shop.marts.rows("select kind, time_zone from alerts.outbox") == [("reminder", "Asia/Shanghai")]
    assert shop.marts.rows('select count(*) from alerts."case"') == [(0,)]
    assert shop.marts.rows("select kind, reason from alerts.task_event") == [
        ("created", "14 days after order erp|1 of 2026-11-03")
    ]


@pytest.mark.capability("C39", "C40")
def test_who_was_contacted_not_long_ago_is_not_reminded_of(shop: Shop) -> None:
    shop.order("erp|1", ago(14))
    shop.order("erp|2", ago(3), 5000, categories=("Saws",))
    shop.order("erp|3", ago(12), customer="c2")
    shop.marts.customer("c2")
    shop.due(0)
    with shop.marts.connection.cursor() as cursor:
        for task in (1, 2):
            answer_task(cursor, TaskAnswer(task, "done", "ana", "spoke with them"), now=NOW)
    shop.marts.run("update alerts.task set customer_id = 'c2' where task_id = 1")
    shop.due(2)
    assert shop.tasks("order_key, state, outcome")[2:] == [
        ("erp|3", "dropped", "contacted on 2026-11-16, and the playbook leaves 5 days between two contacts")
    ]


@pytest.mark.capability("C39")
def test_by_its_place_its_amount_and_its_articles(shop: Shop) -> None:
    shop.order("erp|1", ago(400))
    shop.order("erp|2", ago(14))  # not the first
    shop.order("erp|3", ago(3), 5000, categories=("Nails", "Saws", "Saws"))
    shop.order("erp|4", ago(3), 4999, categories=("Saws",))
    shop.order("erp|5", ago(3), 5000, categories=("Nails",))
    shop.marts.customer("c2")
    shop.order("erp|6", ago(14), customer="c2")
    assert shop.due(0) == ["erp|3", "erp|6"]
    assert shop.tasks("step, role, owner_email")[0] == ("large_saw", "service", "support-lead@meridian.example")


@pytest.mark.capability("C39")
def test_none_for_an_order_that_was_cancelled_or_came_back(shop: Shop) -> None:
    for number, changes in enumerate(
        [{"cancelled": ago(1)}, {"returned": ago(1)}, {"cancelled": DAY}, {"returned": DAY}, {"known": DAY}]
    ):
        shop.marts.customer(f"n{number}")
        shop.order(f"erp|{number}", ago(14), customer=f"n{number}", **changes)  # type: ignore[arg-type]
    # What happens on the day itself is not known on it; what was recorded then is reminded of a day later.
    assert shop.due(0) == ["erp|2", "erp|3"]
    assert shop.due(1) == ["erp|4"]


def test_a_cancelled_order_does_not_make_the_next_the_second(shop: Shop) -> None:
    shop.order("erp|1", ago(30), cancelled=ago(29))
    shop.order("erp|2", ago(14))
    assert shop.due(0) == ["erp|2"]


@pytest.mark.capability("C39", "B7")
def test_47_none_by_backfill_and_none_of_before_the_first_live_day(shop: Shop) -> None:
    for back in (3, 2, 1):
        shop.order(f"erp|{back}", ago(14 + back), customer=f"c{back}")
        shop.marts.publish(ago(back), f"backfill {back}", live=False)
    assert shop.due(0) == []
    assert shop.tasks() == []


def test_a_day_without_a_run_is_made_up_for(shop: Shop) -> None:
    shop.day(0)
    shop.marts.run("update ops.publication set run_id = 'kept'")
    shop.order("erp|1", ago(13))
    shop.marts.publish(DAY + timedelta(days=3), "later")
    counts = open_cases(
        shop.settings, shop.project, as_of_date=DAY + timedelta(days=3), run_id="later", now=NOW + timedelta(days=3)
    )
    assert counts.reminders == 1
    assert shop.tasks("due_on") == [(DAY + timedelta(days=3),)], "not in the past"


@pytest.mark.parametrize(
    ("alerts", "outcome"),
    [
        ({"control_share": 0.5}, "of the control group: nobody is told"),
        ({"pilot": "segment = 'x'"}, "outside the pilot"),
    ],
)
def test_who_is_not_told_is_not_reminded_of_and_the_task_says_why(
    shop: Shop, settings: Settings, alerts: dict[str, object], outcome: str
) -> None:
    shop.marts.customer("c4")
    told = Shop(settings, shop.marts, shop.book.parent, **alerts)
    told.book.write_text(BOOK + CARE, encoding="utf-8")
    told.order("erp|1", ago(14), customer="c4")
    told.due(0, customer="c2")
    assert told.tasks("state, outcome") == [("dropped", outcome)]
    assert told.marts.rows("select count(*) from alerts.outbox") == [(0,)]


@pytest.mark.capability("C39", "C36")
def test_it_reaches_its_reader_over_the_channels(shop: Shop) -> None:
    alerts = shop.project.alerts.model_copy(update={"channels": ["email"]})
    shop.project = shop.project.model_copy(update={"alerts": alerts})
    shop.order("erp|1", ago(14), 1234)
    shop.due(0)
    with Receiver() as receiver:
        assert dispatch(shop.settings, shop.project, now=NOW, resolve=lambda *_: receiver.url).sent == 1
        assert receiver.recipients == [ANA]
        [mail] = receiver.taken
    assert mail["Subject"] == "After a purchase: Northwind Traders, by Nov 16"
    body = mail.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    for part in (
        "Ask Dana Kim by Monday, Nov 16 how the order of Monday, Nov 2 went.",
        "erp|1: Ordered on Nov 2: $1,234",
        "because you are the account manager of Northwind Traders",
    ):
        assert part in text
