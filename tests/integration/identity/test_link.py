"""Accounts compared on PostgreSQL and DuckDB: what is linked, what a night costs, and that nothing stops it."""

from __future__ import annotations

import pytest
from accounts import Accounts

ACME = {"street": "Hauptstraße 5", "postcode": "20095", "city": "Hamburg", "country": "DE"}
LINK = ("crm:C1", "erp:E1")


def acme(accounts: Accounts, **erp: str) -> None:
    accounts.add("crm", "C1", name="Acme Werkzeuge GmbH", phone="+49 40 1234567", **ACME)
    told = {"name": "ACME WERKZEUGE G.m.b.H.", "phone": "040/1234567", **ACME} | erp
    accounts.add("erp", "E1", **told)


@pytest.mark.capability("C2")
def test_two_accounts_alone_are_one_customer_when_they_look_it(accounts: Accounts) -> None:
    acme(accounts)
    report = accounts.link()
    assert (report.accounts, report.changed, report.full, report.linked) == (2, 2, 1, 1)
    assert accounts.linked() == {LINK}
    [(grounds, basis)] = accounts.rows("select grounds, basis from identity.link, identity.model")
    assert grounds == "same name, same kind of legal form, same telephone number, same address, same country"
    assert basis == "stated priors; 2 accounts are too few to learn from"


def test_no_account_at_all(accounts: Accounts) -> None:
    report = accounts.link()
    assert (report.accounts, report.linked) == (0, 0)


@pytest.mark.capability("C2")
def test_a_name_alone_joins_nobody(accounts: Accounts) -> None:
    for source, number in (("crm", "1"), ("crm", "2"), ("erp", "1")):
        accounts.add(source, number, name="Acme GmbH")
    accounts.link()
    assert accounts.linked() == set()


def test_a_street_without_a_number_joins_nobody(accounts: Accounts) -> None:
    city = {"city": "Bonn", "street": "Hauptstr."}
    for number, postcode in (("1", "53111"), ("2", "53225")):
        accounts.add("shop", number, name="Anna Meyer", email=f"anna{number}@gmail.com", postcode=postcode, **city)
    accounts.link()
    assert accounts.linked() == set()


def test_domains_that_differ_in_a_number_join_nobody(accounts: Accounts) -> None:
    for number in ("3", "36"):
        accounts.add(
            "crm",
            number,
            name="Garcia GmbH",
            email=f"a{number}@firma{number}.example",
            street=f"Hauptstr. {number}",
            postcode=f"100{number}",
            city="Köln",
        )
    accounts.link()
    assert accounts.linked() == set()


def test_twins_within_one_source_that_says_little(accounts: Accounts) -> None:
    accounts.add("crm", "C1", name="华为技术有限公司", phone="+86 138 0013 8000")
    accounts.add("crm", "C2", name="Huawei Technology Co., Ltd.", phone="0086 138 0013 8000")
    accounts.link()
    assert accounts.linked() == {("crm:C1", "crm:C2")}


@pytest.mark.capability("C2")
def test_another_tax_id_is_stronger_than_any_likeness(accounts: Accounts) -> None:
    acme(accounts, tax_id="DE111222333")
    accounts.add("shop", "S1", name="Acme Werkzeuge GmbH", phone="+49 40 1234567", tax_id="DE444555666", **ACME)
    accounts.link()
    states = {pair: state for pair, (state, _) in accounts.links().items()}
    held = {pair for pair, state in states.items() if state == "linked"}
    assert len(held) == 1, "the account without a number belongs to one of the two"
    assert ("erp:E1", "shop:S1") not in held


def test_a_tax_id_speaks_for_all_that_is_certain_about_its_customer(accounts: Accounts) -> None:
    acme(accounts)
    accounts.add("desk", "D1", name="Something else", tax_id="DE111222333")
    accounts.add("shop", "S1", name="Something other", tax_id="DE444555666")
    accounts.tie("one", "crm:C1", "desk:D1")
    accounts.tie("two", "erp:E1", "shop:S1")
    accounts.link()
    assert accounts.links()[LINK][0] == "refused"


def test_what_is_certain_anyway_is_no_link(accounts: Accounts) -> None:
    acme(accounts)
    accounts.tie("tax", "crm:C1", "erp:E1")
    accounts.link()
    assert accounts.links()[LINK][0] == "certain"


def test_what_many_share_is_no_evidence(accounts: Accounts) -> None:
    """A call centre's number and a business park's address."""
    for number in range(130):
        accounts.add(
            "crm", f"{number:03d}", name=f"Firm {chr(97 + number % 26)}{number} Ltd", phone="+49 40 1234567", **ACME
        )
    accounts.link()
    assert accounts.linked() == set()


def test_what_stands_where_nobody_knew_better_is_no_evidence(accounts: Accounts) -> None:
    """Branches whose names differ by a number, at one street, with one telephone and one address of mail."""
    for number in range(60):
        accounts.add(
            "crm", f"{number:03d}", name=f"Olsen Supply {number}", phone="5555555", email="x@x.example", **ACME
        )
    accounts.link()
    assert accounts.linked() == set()


def test_namesakes_with_a_provider_that_no_list_knows_are_strangers(accounts: Accounts) -> None:
    """Five people of each name, all with an address at one provider and none of them twice."""
    for number in range(60):
        name = f"{'Jan' if number % 2 else 'Eva'} {['Novak', 'Silva', 'Haas', 'Olsen', 'Kaya', 'Wu'][number % 6]}"
        accounts.add("shop", f"{number:03d}", name=name, email=f"p{number}@everybodys-post.example")
        place = {"city": "Reno", "postcode": "89501", "country": "US"}
        accounts.add("crm", f"{number:03d}", name=f"{name} Ltd", email=f"p@firm{number}.hosted-shops.example", **place)
    accounts.link()
    assert accounts.linked() == set()


def test_a_night_without_changes_compares_nothing(accounts: Accounts) -> None:
    acme(accounts)
    accounts.link()
    before = accounts.rows("select * from identity.link")
    report = accounts.link()
    assert (report.changed, report.full, report.linked) == (0, 0, 1)
    assert accounts.rows("select * from identity.link") == before
    assert accounts.rows("select count(*) from identity.model") == [(1,)]


def test_a_dry_run_reports_what_would_be_and_leaves_all_as_it_was(accounts: Accounts) -> None:
    acme(accounts)
    tables = ("record", "model", "link")
    report = accounts.link(keep=False)
    assert (report.accounts, report.changed, report.linked) == (2, 2, 1)
    assert [accounts.rows(f"select * from identity.{table}") for table in tables] == [[], [], []]
    assert accounts.link() == report, "it is what a comparison then does"
    assert accounts.linked() == {LINK}


def test_only_what_has_changed_is_compared_and_with_all_others(accounts: Accounts) -> None:
    acme(accounts)
    accounts.add("desk", "D1", name="Bolt AG", phone="+49 30 7654321", **ACME)
    accounts.link()
    accounts.add("erp", "E2", name="Bolt Aktiengesellschaft", phone="030 7654321", country="DE")
    report = accounts.link()
    assert (report.changed, report.full) == (1, 0)
    assert accounts.linked() == {LINK, ("desk:D1", "erp:E2")}


def test_a_link_ends_with_what_it_rested_on(accounts: Accounts) -> None:
    acme(accounts)
    accounts.link()
    accounts.add("erp", "E1", name="Quite another firm AG", phone="+49 89 999999", city="München", country="DE")
    accounts.link()
    assert accounts.linked() == set()
    acme(accounts)
    accounts.link()
    assert accounts.linked() == {LINK}
    accounts.remove("crm", "C1")
    report = accounts.link()
    assert (report.gone, report.linked) == (1, 0)


def test_a_person_of_both_is_evidence_and_a_mailbox_of_a_function_is_none(accounts: Accounts) -> None:
    for number, address in (("1", "ann.lee@acme.example"), ("2", "ann.lee@acme.example")):
        accounts.add("crm", number, name="Acme GmbH", country="DE")
        accounts.contact("crm", number, email=address)
    for number in ("3", "4"):
        accounts.add("crm", number, name="Bolt GmbH", country="DE")
        accounts.contact("crm", number, email="info@freemail.example")
    accounts.link()
    assert accounts.linked() == {("crm:1", "crm:2")}


@pytest.mark.capability("C2")
def test_many_accounts_are_learnt_from_and_the_result_is_always_the_same(accounts: Accounts) -> None:
    towns = ("Hamburg", "Bremen", "Köln", "Ulm")
    rows = []
    for number in range(400):
        called = f"{['Alder', 'Birch', 'Cedar', 'Dorn', 'Elm', 'Falken'][number % 6]} {number * 7919 % 1000:03d}"
        place = (towns[number % 4], f"Weg {number % 90}", f"{20000 + number % 50}")
        tax, phone = f"DE{100000007 + number * 48271}", f"+49 40 {1000000 + number}"
        rows.append(("crm", str(number), f"{called} GmbH", None, f"d{number}.example", phone, tax, "DE", *place))
        rows.append(("erp", str(number), called.upper(), None, None, phone, tax, "DE", *place))
    accounts.add_all(rows)
    acme(accounts)
    first = accounts.link()
    assert first.full == 1
    [(basis,)] = accounts.rows("select basis from identity.model")
    assert basis.startswith("learnt from 802 accounts")
    assert LINK in accounts.linked()
    links = accounts.links()
    assert accounts.link(full=True).full == 1
    assert accounts.links() == links
    wrong = {pair for pair in accounts.linked() - {LINK} if pair[0].split(":")[1] != pair[1].split(":")[1]}
    assert wrong == set()


def test_changed_settings_compare_everything_anew(accounts: Accounts) -> None:
    acme(accounts)
    accounts.link()
    assert accounts.link(default_country="AT").full == 1
    assert accounts.link(default_country="AT").full == 0


def test_a_higher_threshold_takes_effect_without_comparing_anew(accounts: Accounts) -> None:
    acme(accounts, phone="+49 40 7777777", street="Anderswo 7")
    accounts.link(show_from=0.01)
    probability = accounts.links()[LINK][1]
    assert 0.01 < probability < 0.95
    assert accounts.linked() == set()
    assert accounts.link(show_from=0.01, link_from=max(0.5, probability)).full == 0
