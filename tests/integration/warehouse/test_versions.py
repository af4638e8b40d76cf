"""Versions of accounts, owners and contracts: who saw what when, whatever the order in which days are run."""

from __future__ import annotations

from datetime import date

import pytest
from tests.integration.warehouse.company import Company

CONTRACT = "subscription_id account_id started_at renews_at mrr"
ACCOUNT = "account_id name segment region owner_id"


def _versions(company: Company, table: str, columns: str) -> list[tuple[object, ...]]:
    rows = company.rows(f"select {columns}, valid_from, valid_to from snapshots.{table} order by valid_from, 1")
    return [tuple(str(v) if isinstance(v, date) else v for v in row.values()) for row in rows]


@pytest.mark.capability("B3")
def test_versions_follow_the_runs_day(company: Company) -> None:
    company.land("crm", "owner", "owner_id name team", [("1", "Anna", "east"), ("2", "Bert", "west")])
    company.land("crm", "account", ACCOUNT, [("a", "Ada", "retail", "north", "1"), ("b", "Bob", "trade", "south", "1")])
    contracts = [(letter, letter, "2024-01-01T00:00Z", "2024-12-31T00:00Z", 10) for letter in "ab"]
    company.land("crm", "subscription", CONTRACT, contracts)
    company.build("2024-07-01")

    # The account changes hands, and so does nothing of its name: that is no attribute that is kept.
    company.land("crm", "account", ACCOUNT, [("a", "Ada & Co", "retail", "north", "2")])
    company.land("crm", "subscription", CONTRACT, [("a", "a", "2024-01-01T00:00Z", "2025-12-31T00:00Z", 15)])
    company.build("2024-07-05")
    accounts = [
        ("a", "1", "2024-07-01", "2024-07-05"),
        ("b", "1", "2024-07-01", None),
        ("a", "2", "2024-07-05", None),
    ]
    assert _versions(company, "account_versions", "account_id, owner_id") == accounts

    # The same day once more, with another state of the source: as if the first had not been.
    company.land("crm", "subscription", CONTRACT, [("a", "a", "2024-01-01T00:00Z", "2025-12-31T00:00Z", 20)])
    company.build("2024-07-05")
    contracts_seen = [
        ("a", 10, "2024-07-01", "2024-07-05"),
        ("b", 10, "2024-07-01", None),
        ("a", 20, "2024-07-05", None),
    ]
    assert _versions(company, "subscription_versions", "subscription_id, mrr") == contracts_seen
    again = company.digest("snapshots.subscription_versions")
    company.build("2024-07-05")
    assert company.digest("snapshots.subscription_versions") == again

    # An earlier day, and a backfill to this one, change nothing of the past, though the source is another by now.
    company.land("crm", "subscription", CONTRACT, [("a", "a", "2024-01-01T00:00Z", "2026-12-31T00:00Z", 99)])
    company.build("2024-07-03")
    company.build("2024-07-08", versions=False)
    assert company.digest("snapshots.subscription_versions") == again
    assert [row["as_of_date"].day for row in company.rows("select * from intermediate.int_version_dates")] == [1, 5]

    # Deleted at the source: its version ends with the run that misses it; it may come back.
    company.remove("crm", "subscription", "subscription_id = 'b'")
    company.build("2024-07-10")
    company.land("crm", "subscription", CONTRACT, [contracts[1]])
    company.build("2024-07-12")
    assert [v for v in _versions(company, "subscription_versions", "subscription_id, mrr") if v[0] == "b"] == [
        ("b", 10, "2024-07-01", "2024-07-10"),
        ("b", 10, "2024-07-12", None),
    ]
    history = company.rows(
        "select owner_name, owner_team, valid_from, valid_to, is_first from marts.customer_history"
        " where customer_id = %s order by valid_from",
        company.customer("a"),
    )
    assert [(row["owner_name"], row["owner_team"], row["valid_from"].day, row["is_first"]) for row in history] == [
        ("Anna", "east", 1, True),
        ("Bert", "west", 5, False),
    ]

    # Prices and renewals on past dates are those that were seen there; before the first versions they are unknown.
    company.build("2024-06-30", "2024-07-02", "2024-07-06", "2024-07-11", run_as_of_date=date(2024, 7, 12))
    seen = {
        (letter, day): (
            company.features(letter, f"2024-{day}")["mrr"],
            company.features(letter, f"2024-{day}")["days_to_renewal"],
        )
        for letter in "ab"
        for day in ("06-30", "07-02", "07-06", "07-11", "07-12")
    }
    assert seen == {
        ("a", "06-30"): (None, None),
        ("a", "07-02"): (10, 182),
        ("a", "07-06"): (20, 543),
        ("a", "07-11"): (99, 903),
        ("a", "07-12"): (99, 902),
        ("b", "06-30"): (None, None),
        ("b", "07-02"): (10, 182),
        ("b", "07-06"): (10, 178),
        ("b", "07-11"): (0, None),
        ("b", "07-12"): (10, 172),
    }
