from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from forewarn.demo.databases import TABLES
from forewarn.demo.generate import History
from forewarn.demo.rows import changed_on, known_before, versions, written_from
from forewarn.demo.world import NEVER, World

KEYS = {table.name: list(table.key) for table in TABLES} | {
    "help_desk.organisations": ["id"],
    "help_desk.tickets": ["id"],
    "finance.subscriptions": ["subscription_no"],
    "finance.invoices": ["invoice_no"],
    "finance.payments": ["payment_no"],
    "finance.credit_limits": ["limit_no"],
    "finance.disputes": ["dispute_no"],
    "help_desk.status_changes": ["id"],
    "marketing.events": ["event_no"],
    "usage.usage": ["usage_id"],
    "voice.survey_answers": ["answer_no"],
    "voice.reviews": ["review_no"],
    "voice.mentions": ["post_no"],
}


@pytest.fixture
def ticket() -> pa.Table:
    """One ticket: opened on the 1st, solved on the 3rd, rated on the 3rd."""
    moments = np.array(["2026-05-01T09:00", "2026-05-03T10:00", "2026-05-03T12:00"], dtype="datetime64[s]")
    return versions({"id": ["T1"] * 3, "state": ["open", "solved", "rated"]}, moments, np.append(moments[1:], NEVER))


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        ("2026-05-01T09:00", []),
        ("2026-05-01T09:01", ["open"]),
        ("2026-05-03T10:00", ["open"]),
        ("2026-05-03T11:00", ["solved"]),
        ("2026-06-01T00:00", ["rated"]),
    ],
)
def test_a_row_is_known_in_the_version_of_the_moment(ticket: pa.Table, moment: str, state: list[str]) -> None:
    assert known_before(ticket, np.datetime64(moment, "s"))["state"].to_pylist() == state


@pytest.mark.parametrize(
    ("day", "state"), [(date(2026, 5, 1), ["open"]), (date(2026, 5, 2), []), (date(2026, 5, 3), ["rated"])]
)
def test_a_day_writes_the_version_at_its_end(ticket: pa.Table, day: date, state: list[str]) -> None:
    assert changed_on(ticket, day)["state"].to_pylist() == state


def test_the_future_is_in_order_of_time(ticket: pa.Table) -> None:
    later = written_from(ticket.take([2, 1, 0]), np.datetime64("2026-05-03T10:00", "s"))
    assert later["state"].to_pylist() == ["solved", "rated"]


@pytest.mark.parametrize("moment", ["2024-07-02", "2025-03-01", "2026-07-01", "2027-06-30"])
def test_no_key_has_two_versions_at_once(history: History, moment: str) -> None:
    assert set(history.tables) <= set(KEYS)
    for name, table in history.tables.items():
        known = known_before(table, np.datetime64(moment, "s"))
        groups = known.group_by(KEYS[name]).aggregate([])
        assert groups.num_rows == known.num_rows, name


def test_rows_refer_to_customers_that_are_known_already(history: History, world: World) -> None:
    moment = np.datetime64("2025-06-01", "s")
    accounts = known_before(history.tables["crm.accounts"], moment)["account_no"].to_pylist()
    customers = known_before(history.tables["erp.customers"], moment)["customer_no"].to_pylist()
    organisations = known_before(history.tables["help_desk.organisations"], moment)["id"].to_pylist()
    assert 1_000 < len(accounts) < world.customers
    for name, column, known in [
        ("crm.interactions", "account_no", accounts),
        ("crm.contacts", "account_no", accounts),
        ("crm.account_owners", "account_no", accounts),
        ("crm.opportunities", "account_no", accounts),
        ("marketing.events", "account_no", accounts),
        ("voice.survey_answers", "account_no", accounts),
        ("voice.reviews", "account_no", accounts),
        ("usage.usage", "tenant", accounts),
        ("erp.orders", "customer_no", customers),
        ("finance.invoices", "customer_no", customers),
        ("finance.payments", "customer_no", customers),
        ("finance.subscriptions", "customer_no", customers),
        ("finance.credit_limits", "customer_no", customers),
        ("finance.disputes", "customer_no", customers),
        ("wms.shipments", "customer_no", customers),
        ("wms.backorders", "customer_no", customers),
        ("help_desk.tickets", "organisation_id", organisations),
    ]:
        rows = known_before(history.tables[name], moment)
        assert rows.num_rows > 0, name
        assert set(rows[column].to_pylist()) <= set(known), name


def test_the_lines_of_an_order_add_up_to_it(history: History) -> None:
    orders = history.tables["erp.orders"].filter(pa.compute.equal(history.tables["erp.orders"]["status"], "open"))
    lines = history.tables["erp.order_lines"].group_by("order_no").aggregate([("net_amount", "sum")]).to_pandas()
    both = orders.to_pandas().merge(lines, on="order_no")
    assert len(both) == orders.num_rows
    assert np.abs(both.net_amount - both.net_amount_sum).max() < 0.01
    assert both.net_amount.min() > 0


def test_every_customer_can_be_found_in_the_erp_from_the_crm(history: History) -> None:
    moment = np.datetime64("2026-07-01", "s")
    accounts = known_before(history.tables["crm.accounts"], moment).to_pandas()
    customers = known_before(history.tables["erp.customers"], moment).to_pandas()
    # Twins state nothing on purpose.
    accounts = accounts[accounts.account_no.str.startswith("C")]
    unlinked = accounts[accounts.erp_customer_no.isna()]
    assert 0.03 < len(unlinked) / len(accounts) < 0.1
    assert set(unlinked.vat_id) <= set(customers.vat_id.dropna())
    assert accounts.vat_id.is_unique
    assert accounts.domain.dropna().is_unique
