"""Customers that a system has twice: written anew by somebody who did not find the first record.

A twin states no link and no tax number. It is spelled differently, and keeps of telephone, address, people and domain
only as much as a careful clerk needs to see who it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.appearance import STREETS, Called
from forewarn.demo.customers import Customers
from forewarn.demo.names import FREEMAIL
from forewarn.demo.rows import UPDATED, label, moments, versions
from forewarn.demo.world import Block, Integers, Moments

CRM_SHARE, ERP_SHARE = 0.05, 0.04
ERP_OFFSET = 50_000_000
"""Added to the ERP's number of a customer for its twin there."""
MOVED_DIGITS = "012"
"""What is booked on a twin once it is there: orders and contacts whose numbers end so."""
WRITTEN_OUT = {
    "GmbH": "Gesellschaft mit beschränkter Haftung",
    "AG": "Aktiengesellschaft",
    "KG": "Kommanditgesellschaft",
    "Ltd": "Limited",
    "BV": "B.V.",
    "Co., Ltd.": "Co Limited",
    "& Sons": "and Sons",
    "Group": "Grp.",
    "Partners": "& Partner",
}
DOTTED = {"GmbH": "G.m.b.H.", "AG": "A.G.", "KG": "K. G.", "Ltd": "LTD.", "BV": "bv", "Co., Ltd.": "Co.Ltd"}


@dataclass(frozen=True)
class Twins:
    """The twins of a block as rows of their systems.

    Attributes
    ----------
    accounts, contacts, customers : Table
        Rows of `crm.accounts`, `crm.contacts` and `erp.customers`.
    lookalike : (customers,)
        As `Called` has it.
    crm, erp : (n,)
        Indexes of the customers who have a twin there.
    crm_since, erp_since : (n,)
        When it was written.
    """

    accounts: pa.Table
    contacts: pa.Table
    customers: pa.Table
    lookalike: Integers
    crm: Integers
    erp: Integers
    crm_since: Moments
    erp_since: Moments


def crm_twin_numbers(numbers: Integers) -> pa.Array:
    """Return the CRM's numbers of twins."""
    return label("D", numbers, 7)


def erp_twin_numbers(numbers: Integers) -> pa.Array:
    """Return the ERP's numbers of twins."""
    return label("", ERP_OFFSET + 100_000 + numbers, 8)


def draw_twins(block: Block, customers: Customers, accounts: pa.Table, contacts: pa.Table, called: Called) -> Twins:
    """Draw the twins, given the first version of each account, the contacts, and what the customers are called."""
    random, world, n = block.random("twins"), block.world, len(customers)
    day = np.maximum(customers.joined, 0) + random.integers(20, 420, n)
    possible = day < world.days - 1
    crm = np.flatnonzero((random.random(n) < CRM_SHARE) & possible)
    erp = np.flatnonzero((random.random(n) < ERP_SHARE) & possible)
    since = moments(world, day, 11 * 3600)
    mains = accounts.slice(0, n).to_pylist()
    people: dict[str, dict[str, Any]] = {}
    for person in contacts.to_pylist():
        people.setdefault(person["account_no"], person)

    entries = [_crm_twin(random, mains[at], called.chinese[at].as_py(), people) for at in crm]
    bookings = [_erp_twin(random, mains[at], called.chinese[at].as_py()) for at in erp]
    terms = customers.terms_days[erp]
    known = np.array([person is not None for _, person in entries], dtype=np.bool_)
    return Twins(
        accounts=_rows(accounts, [account for account, _ in entries], since[crm]),
        contacts=_rows(contacts, [person for _, person in entries if person], since[crm[known]]),
        customers=versions(
            {
                "customer_no": erp_twin_numbers(customers.number[erp]),
                "name": pa.array([one["name"] for one in bookings], pa.string()),
                "vat_id": pa.nulls(len(erp), pa.string()),
                "country": pa.array([one["country"] for one in bookings], pa.string()),
                "city": pa.array([one["city"] for one in bookings], pa.string()),
                "street": pa.array([one["street"] for one in bookings], pa.string()),
                "postcode": pa.array([one["postcode"] for one in bookings], pa.string()),
                "phone": pa.array([one["phone"] for one in bookings], pa.string()),
                "payment_terms_days": terms,
                "created_at": since[erp],
            },
            since[erp],
        ),
        lookalike=called.lookalike,
        crm=crm,
        erp=erp,
        crm_since=since[crm],
        erp_since=since[erp],
    )


def moved(table: pa.Table, column: str, key: str, at: str, *, of: pa.Array, to: pa.Array, since: Moments) -> pa.Table:
    """Return a table in which some rows name the twin, from the day on which it is there.

    Parameters
    ----------
    column, key, at : str
        Who the row is about, its number, and when it happened.
    of, to, since : (twins,)
        The customer's number, the twin's, and when that was written.
    """
    place = pc.index_in(table.column(column), value_set=of)
    begun = pa.array(since.astype("datetime64[s]")).cast(pa.timestamp("s", tz="UTC"))
    happened = table.column(at).cast(pa.timestamp("s", tz="UTC"))
    # Not on its first day, so that whoever reads both finds the twin first.
    later = pc.greater(pc.subtract(happened, begun.take(place)), pa.scalar(86_400, pa.duration("s")))
    digit = pc.is_in(pc.utf8_slice_codeunits(table.column(key), -1), value_set=pa.array(list(MOVED_DIGITS)))
    moves = pc.fill_null(pc.and_(later, digit), False)
    named = pc.if_else(moves, to.take(place), table.column(column))
    return table.set_column(table.schema.get_field_index(column), column, named)


def _crm_twin(
    random: np.random.Generator, main: dict[str, Any], chinese: str | None, people: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return an account spelled anew, and one of the customer's people where that is what they have in common."""
    number = main["account_no"].replace("C", "D")
    person = people.get(main["account_no"])
    # What remains of the first record: phone and address; a person; phone and a new domain; address and a new domain.
    kept = random.choice(4, p=[0.35, 0.25, 0.2, 0.2])
    if kept == 1 and not (person and person["email"]):
        kept = 0
    twin = main | {
        "account_no": number,
        "company_name": _respell(random, main["company_name"], chinese),
        "erp_customer_no": None,
        "vat_id": None,
        "domain": None,
        "email": None,
        "phone": _rephone(random, main["phone"]) if kept in (0, 2) else None,
        "street": _restreet(random, main["street"]) if kept in (0, 3) else None,
        "city": main["city"].upper() if random.random() < 0.2 else main["city"],
    }
    if kept in (2, 3) and main["domain"]:
        stem = main["domain"].removesuffix(".example")
        twin["domain"] = f"{stem}-{random.choice(['group', 'online', 'shop'])}.example"
        twin["email"] = f"office@{twin['domain']}"
    elif random.random() < 0.3:
        twin["email"] = f"{main['company_name'].split()[0].lower()}.{number[1:]}@{FREEMAIL}"
    if kept == 1 and person:
        # The firm has moved within the town; a person is still there.
        twin["street"] = f"{random.choice(STREETS)} {random.integers(1, 140)}"
        return twin, person | {"contact_no": f"{number}-1", "account_no": number, "phone": None}
    return twin, None


def _erp_twin(random: np.random.Generator, main: dict[str, Any], chinese: str | None) -> dict[str, Any]:
    """Return a customer of the ERP spelled anew: with the telephone number, the address, or both."""
    kept = random.choice(3, p=[0.45, 0.3, 0.25])
    return {
        "name": _respell(random, main["company_name"], chinese),
        "country": main["country"],
        "city": main["city"],
        "street": _restreet(random, main["street"]) if kept in (0, 1) else None,
        "postcode": main["postcode"],
        "phone": _rephone(random, main["phone"]) if kept in (0, 2) else None,
    }


def _respell(random: np.random.Generator, name: str, chinese: str | None) -> str:
    """Return a name as somebody else would write it."""
    if chinese and random.random() < 0.6:
        return chinese
    form = next((known for known in WRITTEN_OUT if name.endswith(" " + known)), "")
    company = name.removesuffix(" " + form) if form else name
    # Two letters change places.
    at = int(random.integers(2, len(company) - 1))
    slip = f"{company[: at - 1]}{company[at]}{company[at - 1]}{company[at + 1 :]}"
    # In letters of full width, as an East Asian keyboard writes them.
    wide = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name)
    ways = (
        company,
        f"{company} {WRITTEN_OUT.get(form, form)}",
        f"{company.upper()} {DOTTED.get(form, form)}",
        f"{slip} {form}",
        f"{company[: max(5, len(company) - 4)]}. {form}",
        wide,
    )
    return ways[int(random.integers(0, len(ways)))]


def _rephone(random: np.random.Generator, phone: str) -> str:
    digits = phone.replace(" ", "").removeprefix("+49")
    ways = (f"0049 {digits}", f"+49 (0) {digits[:3]} / {digits[3:6]} {digits[6:]}", f"+49-{digits[:3]}-{digits[3:]}")
    return ways[int(random.integers(0, len(ways)))]


def _restreet(random: np.random.Generator, street: str) -> str:
    ways = (street, street.replace("straße", "str."), street.replace("straße", "strasse"), street.upper())
    return ways[int(random.integers(0, len(ways)))]


def _rows(like: pa.Table, rows: list[dict[str, Any]], since: Moments) -> pa.Table:
    """Return new rows with the columns of a table, written at `since`."""
    columns = {
        name: pa.array([row[name] for row in rows], like.schema.field(name).type)
        for name in like.column_names
        if name not in (UPDATED, "_until", "created_at")
    }
    born = {"created_at": since} if "created_at" in like.column_names else {}
    return versions(columns | born, since).select(like.column_names).cast(like.schema)
