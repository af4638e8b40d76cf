"""Records that name no customer: theirs is the customer of what they belong to, from when that is known."""

from __future__ import annotations

import pytest

from forewarn.sources import canonical_mappings
from forewarn.sources.loader import load_source

EVENTS = "+int_customer_events int_orphans"
ORDERS = "order_id account_id ordered_at known_at status amount"


@pytest.mark.capability("C51", "B3")
def test_a_record_is_its_parents_customers_once_that_is_known_and_an_orphan_until_then(company):
    company.land("shop", "account", "account_id name", [("a", "A"), ("b", "B")])
    company.land("shop", "order", ORDERS, [("o1", "a", "2024-05-01T00:00Z", "2024-05-20T00:00Z", "sent", 10)])
    company.land(
        "desk",
        "review",
        "review_id site posted_at rating",
        [("r1", "o1", "2024-05-03T00:00Z", 1), ("r2", "o2", "2024-05-04T00:00Z", 5)],
        account_source="shop",
        belongs_to={"order": "site"},
    )
    company.build("2024-06-01", select=EVENTS)
    events = (
        "select event.source_record_id as record, account_id, occurred_at::date::text as day, known_day::text as known"
        " from intermediate.int_customer_events as event where entity = %s and kind <> 'removed' order by 1"
    )
    first = {"record": "r1", "account_id": "a", "day": "2024-05-03", "known": "2024-05-20"}
    assert company.rows(events, "review") == [first]
    assert company.rows("select entity, record_id, parent_id, reason from intermediate.int_orphans") == [
        {"entity": "review", "record_id": "r2", "parent_id": "o2", "reason": "no order has this number"}
    ]
    # The order comes later, and the other is found to be somebody else's.
    company.land("shop", "order", ORDERS, [("o2", "b", "2024-05-02T00:00Z", None, "sent", 5)])
    company.land("shop", "order", ORDERS, [("o1", "b", "2024-05-01T00:00Z", "2024-05-20T00:00Z", "sent", 10)])
    company.build("2024-06-02", select=EVENTS)
    second = {"record": "r2", "account_id": "b", "day": "2024-05-04", "known": "2024-05-04"}
    assert company.rows(events, "review") == [first | {"account_id": "b"}, second]
    assert company.rows("select count(*) as orphans from intermediate.int_orphans") == [{"orphans": 0}]


LOOKUP = """kind: files
streams:
  ticket_rows:
    path: t.csv
    format: csv
    key: [ticket_id]
    lookup:
      urgency: {stream: product_rows, by: kind, take: category}
    entities:
      ticket:
        columns:
          {ticket_id: ticket_id, account_id: account_id, opened_at: opened_at, priority: urgency}
  product_rows: {path: p.csv, format: csv, key: [product_id]}
"""


@pytest.mark.capability("C51")
def test_what_is_looked_up_is_followed_when_it_comes_changes_and_goes(company, tmp_path):
    numbers = (("t1", "changes"), ("t2", "comes"), ("t3", "goes"), ("t4", None))
    tickets = [(ticket, "a", "2024-05-03T00:00Z", number) for ticket, number in numbers]
    company.land("shop", "account", "account_id name", [("a", "A")])
    company.land("shop", "ticket", "ticket_id account_id opened_at kind", tickets)
    company.land("shop", "product", "product_id category", [("changes", "low"), ("goes", "high")])
    (tmp_path / "shop.yml").write_text(LOOKUP)
    company.mappings["ticket"] = canonical_mappings({"shop": load_source(tmp_path / "shop.yml")})["ticket"]
    events = (
        "select source_record_id as ticket, detail from intermediate.int_customer_events"
        " where entity = 'ticket' order by 1"
    )
    missed = "select stream, looked_up_stream, number, records from intermediate.int_missed_lookups"

    def told():
        company.build(f"2024-06-0{len(seen) + 1}", select="+int_customer_events int_missed_lookups")
        return {row["ticket"]: row["detail"] for row in company.rows(events)}, company.rows(missed)

    def in_vain(number):
        return [{"stream": "ticket_rows", "looked_up_stream": "product_rows", "number": number, "records": 1}]

    seen = []
    seen.append(told())
    company.land("shop", "product", "product_id category", [("comes", "urgent"), ("changes", "lower")])
    company.remove("shop", "product", "product_id = 'goes'")
    seen.append(told())
    assert seen == [
        ({"t1": "low", "t2": None, "t3": "high", "t4": None}, in_vain("comes")),
        ({"t1": "lower", "t2": "urgent", "t3": None, "t4": None}, in_vain("goes")),
    ]
    (staged,) = company.rows("select count(*) as rows, count(distinct ticket_id) as tickets from staging.stg_tickets")
    assert staged == {"rows": 4, "tickets": 4}
