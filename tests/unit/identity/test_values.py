from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.identity import values
from forewarn.identity.records import Account, record

FREE = frozenset(["freemail.example"])


@pytest.mark.parametrize(
    "text", ["+49 40 1234567", "0049 40 1234567", "(040) 123-4567", "040/1234567 ext. 12", "＋49 40 1234567"]
)
def test_a_number_is_the_same_however_it_is_written(text: str) -> None:
    assert values.phone(text, "DE") == "+49401234567"


def test_a_number_belongs_to_the_country_of_the_account() -> None:
    assert values.phone("040 1234567", "DE") != values.phone("040 1234567", "NL")
    assert values.phone("040 1234567", None) == "401234567"
    assert values.phone("call me", "DE") is None
    assert values.phone("12", None) is None


@pytest.mark.parametrize("text", ["DE 123-456-789", "de123456789", "123456789", "ＤＥ１２３４５６７８９"])
def test_a_tax_number_is_known_with_and_without_its_country(text: str) -> None:
    assert values.tax_id(text) == "123456789"


@pytest.mark.parametrize("text", [None, "", "00000000", "n/a", "xxxxxxx", "1234"])
def test_what_stands_for_none_is_no_tax_number(text: str | None) -> None:
    assert values.tax_id(text) is None


@pytest.mark.parametrize("text", ["Hauptstraße 5", "Hauptstr. 5", "HAUPTSTRASSE 5", "Haupt-Str. 5", "5 Hauptstraße"])
def test_a_street_is_the_same_however_it_is_written(text: str) -> None:
    assert values.street(text) == "hauptstr5"


@pytest.mark.parametrize(
    ("text", "code"), [("Deutschland", "DE"), ("de", "DE"), ("德国", "DE"), ("U.S.A.", "US"), ("Atlantis", None)]
)
def test_a_country_has_two_letters(text: str, code: str | None) -> None:
    assert values.country(text) == code


def test_cities_and_postcodes() -> None:
    assert values.city("Zürich") == values.city("ZURICH")
    assert values.city("深圳") == values.city("Shenzhen")
    assert values.postcode("D-20095") == values.postcode("20095")
    assert values.postcode("SW1A 1AA") == "sw1a1aa"


def test_domains_and_mailboxes() -> None:
    assert values.domain("https://www.Acme.example/about") == "acme.example"
    assert values.domain("müller.example") == "xn--mller-kva.example"
    assert values.domain_label("shop.acme.co.uk") == "acme"
    assert values.mailbox("Ann.Lee+news@ACME.example") == "ann.lee@acme.example"
    assert values.mailbox("info@acme.example") is None
    assert values.mailbox("not an address") is None


def test_a_record_has_the_own_domain_and_never_that_of_free_mail() -> None:
    account = Account("crm", "1", email="ann@freemail.example", emails=["bob@acme.example"])
    assert record(account, freemail=FREE).domain == "acme.example"
    assert record(Account("crm", "1", email="ann@freemail.example"), freemail=FREE).domain is None


def test_a_record_of_nothing_but_a_name_meets_others_by_it() -> None:
    assert record(Account("crm", "1", name="Acme GmbH"), freemail=FREE).keys == ["name acme"]
    assert record(Account("crm", "1"), freemail=FREE).keys == []


@given(st.builds(Account, st.just("crm"), st.just("1"), *[st.none() | st.text(max_size=30)] * 9))
def test_any_account_has_a_record(account: Account) -> None:
    found = record(account, freemail=FREE, default_country="DE")
    assert found.keys == sorted(set(found.keys))
    assert "" not in {found.name, found.domain, found.tax_id, found.city, found.street, *found.emails, *found.phones}
