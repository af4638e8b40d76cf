"""An account as it is compared: every value in one spelling, and the keys under which it meets other accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from forewarn.identity import values
from forewarn.identity.names import name

VERSION = 1
"""Goes up when the spelling or the keys change: every account is then compared anew."""
STEM = 4


@dataclass(frozen=True)
class Account:
    """An account as its source tells it; `emails` and `phones` are its contacts'."""

    source: str
    account_id: str
    name: str | None = None
    email: str | None = None
    email_domain: str | None = None
    phone: str | None = None
    tax_id: str | None = None
    country: str | None = None
    city: str | None = None
    street: str | None = None
    postcode: str | None = None
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()


@dataclass(frozen=True)
class Record:
    """The same in one spelling; None and empty lists where nothing is known.

    Attributes
    ----------
    keys : list of str
        Accounts that share a key are compared; no others are.
    """

    source: str
    account_id: str
    name: str | None
    words: str | None
    form: str | None
    domain: str | None
    label: str | None
    tax_id: str | None
    country: str | None
    city: str | None
    street: str | None
    postcode: str | None
    emails: list[str]
    phones: list[str]
    keys: list[str]


COLUMNS = tuple(Record.__dataclass_fields__)


def record(
    account: Account,
    *,
    freemail: frozenset[str],
    hosts: frozenset[str] = frozenset(),
    fillers: frozenset[str] = frozenset(),
    default_country: str | None = None,
) -> Record:
    """Return an account in one spelling.

    Parameters
    ----------
    freemail : frozenset of str
        Domains that anybody can have an address of; they name no company.
    hosts : frozenset of str
        What stands before the ending of domains below which anybody can have one; it names no company either.
    fillers : frozenset of str
        Telephone numbers, addresses of mail, and streets with their place (`street|postcode`, or the city), that stand
        at accounts of which nobody knew them; in small letters.
    default_country : str, optional
        Two letters: where telephone numbers without country code belong when the account names no country.
    """
    place = (account.postcode or account.city or "").strip()
    street = account.street if f"{(account.street or '').strip()}|{place}".lower() not in fillers else None
    called = name(account.name)
    country = values.country(account.country)
    addresses, dialled = (
        [text for text in texts if text and text.strip().lower() not in fillers]
        for texts in ((account.email, *account.emails), (account.phone, *account.phones))
    )
    domains = [values.domain(text) for text in (account.email_domain, *addresses)]
    own = next((domain for domain in domains if domain and domain not in freemail), None)
    numbers = [values.phone(text, country or default_country) for text in dialled]
    spelled = Record(
        source=account.source,
        account_id=account.account_id,
        name=called.key or None,
        words=called.words or None,
        form=called.form or None,
        domain=own,
        label=label if (label := values.domain_label(own)) not in hosts else None,
        tax_id=values.tax_id(account.tax_id),
        country=country,
        city=values.city(account.city),
        street=values.street(street),
        postcode=values.postcode(account.postcode),
        emails=sorted({box for text in addresses if (box := values.mailbox(text))}),
        phones=sorted({number for number in numbers if number}),
        keys=[],
    )
    spelled.keys.extend(sorted(set(_keys(spelled))))
    return spelled


def _keys(one: Record) -> Iterator[str]:
    """Return what two spellings of one company still share, each in a way that few companies do."""
    yield from (f"phone {number}" for number in one.phones)
    yield from (f"email {address}" for address in one.emails)
    for kind, value in (("tax", one.tax_id), ("domain", one.domain), ("label", one.label), ("name", one.name)):
        if value:
            yield f"{kind} {value}"
    for place in filter(None, (one.postcode, one.city)):
        if one.street:
            yield f"address {one.street} {place}"
        if one.name:
            yield f"name {one.name} {place}"
            # A slip of the pen spares the beginning or the end of the name.
            yield f"begins {one.name[:STEM]} {place}"
            yield f"ends {one.name[-STEM:]} {place}"
