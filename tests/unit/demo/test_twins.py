"""Twins state nothing that would give them away by number, and keep enough for a careful reader; look-alikes do not."""

from __future__ import annotations

import pandas as pd
import pytest

from forewarn.demo.generate import History
from forewarn.demo.world import World

pytestmark = pytest.mark.capability("B15", "C2")


@pytest.fixture(scope="module")
def accounts(history: History) -> pd.DataFrame:
    return history.tables["crm.accounts"].to_pandas().drop_duplicates("account_no").set_index("account_no")


@pytest.fixture(scope="module")
def twins(accounts: pd.DataFrame) -> pd.DataFrame:
    return accounts[accounts.index.str.startswith("D")]


@pytest.fixture(scope="module")
def mains(accounts: pd.DataFrame, twins: pd.DataFrame) -> pd.DataFrame:
    return accounts.loc["C" + twins.index.str[1:]].set_index(twins.index)


def test_some_customers_are_in_the_crm_or_the_erp_twice(history: History, world: World) -> None:
    truth = history.accounts.to_pandas()
    share = truth[truth.twin].groupby("source").size() / world.customers
    assert 0.03 < share["crm"] < 0.07
    assert 0.02 < share["erp"] < 0.06
    assert (truth.groupby("customer").size() >= 3).all()
    assert not truth.duplicated(["source", "account_id"]).any()


def test_a_twin_has_no_number_of_the_first_record(twins: pd.DataFrame, mains: pd.DataFrame, history: History) -> None:
    assert twins[["erp_customer_no", "vat_id"]].isna().all(axis=None)
    assert not (twins.domain == mains.domain).any()
    erp = history.tables["erp.customers"].to_pandas()
    assert erp[erp.customer_no.astype(int) > 50_000_000].vat_id.isna().all()


def test_a_twin_is_spelled_otherwise_and_keeps_something(
    twins: pd.DataFrame, mains: pd.DataFrame, history: History
) -> None:
    assert (twins.company_name != mains.company_name).mean() > 0.9
    people = history.tables["crm.contacts"].to_pandas().set_index("account_no").email
    phone = twins.phone.str.replace(r"\D", "", regex=True).str[-7:] == mains.phone.str[-7:]
    address = twins.street.notna() & (twins.street.str.split().str[-1] == mains.street.str.split().str[-1])
    person = pd.Series(twins.index.isin(people[people.notna()].index), twins.index)
    assert (phone | address | person).all()
    assert (twins.postcode == mains.postcode).all()


def test_chinese_names_are_told_in_chinese_by_some(twins: pd.DataFrame) -> None:
    assert twins.company_name.str.contains("有限公司").sum() > 0


def test_look_alikes_are_other_companies_with_numbers_of_their_own(history: History, accounts: pd.DataFrame) -> None:
    truth = history.accounts.to_pandas()
    alike = truth[(truth.looks_like > 0) & (truth.source == "crm") & ~truth.twin]
    assert 0.03 < len(alike) / 2_000 < 0.09
    one = accounts.loc[alike.account_id].reset_index()
    other = accounts.loc[[f"C{number:07d}" for number in alike.looks_like]].reset_index()
    assert (one.vat_id != other.vat_id).all()
    same_name, same_street = one.company_name == other.company_name, one.street == other.street
    assert same_name.sum() > 20
    assert same_street.sum() > 10
    assert not (same_name & same_street).any()


def test_some_of_what_happens_is_booked_on_the_twin_once_it_is_there(history: History) -> None:
    orders = history.tables["erp.orders"].to_pandas()
    customers = history.tables["erp.customers"].to_pandas().set_index("customer_no")
    booked = orders[orders.customer_no.astype(int) > 50_000_000]
    assert 0.003 < len(booked) / len(orders) < 0.03
    since = customers.created_at.loc[booked.customer_no].set_axis(booked.index)
    assert (booked.placed_at - since > pd.Timedelta(days=1)).all()
    # Every version of an order is booked on the same number.
    assert (orders.groupby("order_no").customer_no.nunique() == 1).all()
