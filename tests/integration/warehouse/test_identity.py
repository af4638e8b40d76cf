"""One customer from the numbers of several systems, with the reason of each link."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from forewarn.cli import app
from forewarn.errors import BuildFailed
from forewarn.identity import Decisions

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
    alone = hashlib.md5(b"erp|E1").hexdigest()
    merged = company.rows("select * from intermediate.int_merged_customers where customer_id = %s", alone)
    assert merged == [{"customer_id": alone, "merged_into": company.customer("C1")}]


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


HISTORY = (
    "select customer_id, count(*) as orders, sum(amount) as amount from intermediate.int_customer_events"
    " where kind = 'order' group by customer_id order by amount"
)
DAILY = "select customer_id, revenue as amount from marts.customer_daily where orders > 0 order by amount"


@pytest.mark.capability("C2")
def test_a_probable_merge_is_split_by_a_person_and_joined_again_and_history_follows(company):
    acme = ("+49 40 1234567", "Hauptstr. 5", "20095", "Hamburg", "DE")
    columns = "account_id name phone street postcode city country"
    company.land("crm", "account", columns, [("C1", "Acme Werkzeuge GmbH", *acme)])
    company.land("crm", "interaction", "interaction_id account_id occurred_at", [("1", "C1", "2024-06-03T00:00Z")])
    company.land("erp", "account", columns, [("E1", "ACME WERKZEUGE G.m.b.H.", "040/1234567", *acme[1:])])
    company.land("erp", "order", "order_id account_id ordered_at amount", [("1", "E1", "2024-06-01T00:00Z", 5)])
    company.land("shop", "order", "order_id account_id ordered_at amount", [("1", "S1", "2024-06-02T00:00Z", 7)])
    decisions = Decisions(company.settings.warehouse_url)
    said = {"reason": "another firm at the same address", "by": "ines", "now": datetime(2025, 1, 2, tzinfo=UTC)}

    assert company.link().linked == 1
    company.build(D)
    one, other, shop = (hashlib.md5(anchor).hexdigest() for anchor in (b"crm|C1", b"erp|E1", b"shop|S1"))
    together = [{"customer_id": one, "orders": 1, "amount": 5}, {"customer_id": shop, "orders": 1, "amount": 7}]
    assert company.rows(HISTORY) == together
    (row,) = company.rows("select * from marts.customer_crosswalk where account_id = 'E1'")
    assert (row["matched_by"], row["link_probability"] > 0.95) == ("likeness", True)
    assert row["reason"] == (
        "looks like crm C1: same name, same kind of legal form, same telephone number, same address, same country"
    )
    assert (company.features("C1", D)["orders_lifetime"], company.features("C1", D)["interactions_90d"]) == (1, 1)
    merged = company.digest("marts.customer_daily"), company.digest("marts.churn_features")

    number = decisions.separate([("erp", "E1")], **said)
    company.build(D)
    apart = [{"customer_id": other, "orders": 1, "amount": 5}, {"customer_id": shop, "orders": 1, "amount": 7}]
    assert company.rows(HISTORY) == apart
    assert company.rows(DAILY) == [
        {"customer_id": other, "amount": 5},
        {"customer_id": shop, "amount": 7},
    ]
    assert (company.features("C1", D)["orders_lifetime"], company.features("E1", D)["orders_lifetime"]) == (0, 1)
    assert company.link().refused == 1, "a night later the link is still refused"

    decisions.undo(number, **said | {"reason": "it is the same firm after all"})
    assert company.link().linked == 1
    company.build(D)
    assert company.rows(HISTORY) == together
    assert (company.digest("marts.customer_daily"), company.digest("marts.churn_features")) == merged

    shown = decisions.show("erp:E1")
    assert shown.customer_id == one
    assert [(member.source, member.account_id) for member in shown.members] == [("crm", "C1"), ("erp", "E1")]
    assert [link.state for link in shown.links] == ["linked"]
    assert [(one.number, one.action, one.undone_reason) for one in shown.decisions] == [
        (number, "separate", "it is the same firm after all")
    ]
    assert decisions.list() == []
    the_commands_say_and_do_the_same(company)


def the_commands_say_and_do_the_same(company):
    """`forewarn identity` on that merge, as a person at a terminal uses it."""
    place = {"FOREWARN_WAREHOUSE_URL": company.settings.warehouse_url, "FOREWARN_HOME": str(company.settings.home)}

    def forewarn(*words, status=0):
        done = CliRunner().invoke(app, ["identity", *words], env=place | {"COLUMNS": "200"})
        assert done.exit_code == status, done.output
        return done.output

    shown = forewarn("show", "erp:E1")
    assert "crm:C1" in shown
    assert "same telephone number" in shown
    assert "None. `forewarn identity join`" in forewarn("list")
    dry = ("--reason", "their web shop", "--dry-run")
    assert forewarn("join", "crm:C1", "shop:S1", *dry) == "would make crm:C1 and shop:S1 one customer\n"
    assert forewarn("separate", "erp:E1", *dry) == "would set erp:E1 apart from all others\n"
    assert "expected an account of the last build" in forewarn("join", "crm:C1", "shop:none", *dry, status=1)
    assert "None. `forewarn identity join`" in forewarn("list")
    joined = forewarn("join", "crm:C1", "shop:S1", "--reason", "their web shop", "--by", "ines")
    number = joined.removeprefix("Decision ").split(":")[0]
    assert joined.endswith("It takes effect with the next `forewarn run`.\n")
    assert f"{number}  join crm:C1, shop:S1" in forewarn("list")
    apart = forewarn("separate", "erp:E1", "--reason", "another firm", "--by", "ines")
    assert "erp:E1 apart from all others" in apart
    assert f"would undo {number}  join" in forewarn("undo", number, *dry)
    assert f"{number}  join crm:C1, shop:S1" in forewarn("list")
    assert "by ines: their web shop Undone" in forewarn("undo", number, "--reason", "a mistake", "--by", "ines")
    assert "join" not in forewarn("list")
    assert f"{number}  join" in forewarn("list", "--all")
    refused = forewarn("undo", number, "--reason", "again", status=1)
    assert "Traceback" not in refused
    nobody = forewarn("show", "crm:C9", status=1)
    assert "crm:C9" in nobody
    assert "1 refused" in forewarn("link")


@pytest.mark.capability("C2")
def test_ids_that_differ_in_spelling_only_unite_by_configuration(company):
    """The three spellings of one number in the public CRM and ERP set, and a statement that links two numberings."""
    company.land("crm", "account", "account_id name", [("AW00011000", "Jon Yang"), ("AW00011001", "Eugene Huang")])
    company.land("born", "account", "account_id", [("NASAW00011000",)])
    company.land("place", "account", "account_id country", [("AW-00011000", "Australia")])
    company.land("crm", "order", "order_id account_id ordered_at", [("1", "AW00011000", "2024-06-01T00:00Z")])
    for source, spelled in (("born", "substr(account_id, 4)"), ("place", "replace(account_id, '-', '')")):
        company.land(source, "account_link", "account_id linked_source linked_account_id", [])
        feed = company.mappings["account_link"][-1]
        feed["table"] = "account_rows"
        feed["columns"] = {
            "account_id": "account_id",
            "linked_source": "cast('crm' as text)",
            "linked_account_id": spelled,
        }
    company.build(D)
    assert {company.customer(number) for number in ("AW00011000", "NASAW00011000", "AW-00011000")} == {
        hashlib.md5(b"born|NASAW00011000").hexdigest()
    }
    assert company.customer("AW00011001") != company.customer("AW00011000")


def test_an_account_without_any_source_row_fails_the_build_with_the_model_and_its_file(company):
    company.land("crm", "account", "account_id name", [])
    with pytest.raises(BuildFailed, match=r"dbt_project/models/intermediate/intermediate\.yml: test .*not_empty"):
        company.build(D, tests=True)
