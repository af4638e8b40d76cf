"""One customer from the numbers of several systems, with the reason of each link."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from forewarn.errors import BuildFailed

D = "2024-07-01"


@pytest.mark.capability("C2")
def test_links_tax_ids_and_company_domains_unite_and_say_why(company):
    company.land(
        "crm",
        "account",
        "account_id name email tax_id",
        [
            ("C1", "Acme", "info@acme.example", "DE 123-456-789"),
            ("C2", "Bolt", "bolt@gmail.com", None),
            ("C3", "Core", "core@gmail.com", "00000000"),
        ],
    )
    company.land(
        "erp",
        "account",
        "account_id name email_domain tax_id",
        [("E1", "ACME GmbH", None, "de123456789"), ("E2", "Nuts", None, "00000000"), ("E3", "Bolt Ltd", None, None)],
    )
    company.land("erp", "account_link", "account_id linked_source linked_account_id", [("E3", "crm", "C2")])
    company.land("desk", "account", "account_id name email", [("D1", "Acme support", "help@ACME.example")])
    company.land("shop", "order", "order_id account_id ordered_at amount", [("1", "S9", "2024-06-01T00:00Z", 5)])
    company.build(D)
    found = {
        (row["source"], row["account_id"]): (row["customer_id"], row["matched_by"], row["reason"])
        for row in company.rows("select * from marts.customer_crosswalk")
    }
    acme, bolt = (hashlib.md5(anchor.encode()).hexdigest() for anchor in ("crm|C1", "crm|C2"))
    assert found["crm", "C1"] == (acme, "own_number", "first record of this customer")
    assert found["erp", "E1"] == (acme, "tax_id", "same tax id as crm C1")
    assert found["desk", "D1"] == (acme, "email_domain", "same company e-mail domain as crm C1")
    assert found["erp", "E3"] == (bolt, "account_link", "a source links it to crm C2")
    # A free mail provider is no company, and a row of zeros is no tax id.
    assert len({found[key][0] for key in [("crm", "C2"), ("crm", "C3"), ("erp", "E2")]}) == 3
    # Known only from its events: a customer all the same.
    assert found["shop", "S9"] == (hashlib.md5(b"shop|S9").hexdigest(), "own_number", "known only from its events")
    (acme_row,) = company.rows("select * from marts.dim_customers where customer_id = %s", acme)
    assert (acme_row["name"], acme_row["source_count"]) == ("Acme", 3)


def test_a_chain_of_accounts_is_one_customer(company):
    numbers = [f"{number:02d}" for number in range(40)]
    company.land("crm", "account", "account_id name", [(number, number) for number in numbers])
    company.land(
        "crm",
        "account_link",
        "account_id linked_source linked_account_id",
        [(one, "crm", other) for one, other in itertools.pairwise(numbers)],
    )
    company.land("crm", "order", "order_id account_id ordered_at", [("1", "39", "2024-06-01T00:00Z")])
    company.build(D)
    assert company.customer("39") == company.customer("00") == hashlib.md5(b"crm|00").hexdigest()


@pytest.mark.capability("C2")
def test_a_customer_that_turns_out_to_be_another_takes_its_history_along(company):
    company.land("crm", "account", "account_id name", [("C1", "Acme")])
    company.land("erp", "account", "account_id name", [("E1", "Acme")])
    company.land("erp", "order", "order_id account_id ordered_at amount", [("1", "E1", "2024-06-01T00:00Z", 5)])
    links = "account_id linked_source linked_account_id"
    company.land("erp", "account_link", links, [("E7", "crm", "C7")])
    company.build(D)
    assert company.customer("E1") != company.customer("C1")
    company.land("erp", "account_link", links, [("E1", "crm", "C1")])
    company.build(D)
    assert company.customer("E1") == company.customer("C1")
    assert company.features("C1", D)["orders_lifetime"] == 1
    assert company.rows("select customer_id from marts.customer_daily") == [{"customer_id": company.customer("C1")}]


def test_a_customer_set_apart_again_leaves_nothing_behind(company):
    company.land("crm", "account", "account_id name tax_id", [("C1", "Acme", "DE999111")])
    company.land("erp", "account", "account_id name tax_id", [("E1", "Acme", "DE999111")])
    company.land("erp", "order", "order_id account_id ordered_at amount", [("1", "E1", "2024-06-01T00:00Z", 5)])
    company.build(D)
    assert company.customer("E1") == company.customer("C1")
    company.land("erp", "account", "account_id name tax_id", [("E1", "Other", "DE999222")])
    company.build(D)
    assert company.customer("E1") != company.customer("C1")
    assert company.rows("select customer_id from marts.customer_daily") == [{"customer_id": company.customer("E1")}]
    assert company.features("E1", D)["orders_lifetime"] == 1


def test_an_account_without_any_source_row_fails_the_build_with_the_model_and_its_file(company):
    company.land("crm", "account", "account_id name", [])
    with pytest.raises(BuildFailed, match=r"dbt_project/models/intermediate/intermediate\.yml: test .*not_empty"):
        company.build(D)
