"""The CRM's master data: employees, accounts and contacts; and the ERP's own record of the same customers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.appearance import draw_names, draw_places, has_freemail
from forewarn.demo.customers import COUNTRIES, INDUSTRIES, REGIONS, SEGMENTS, Customers
from forewarn.demo.defects import Defects
from forewarn.demo.names import (
    EMPLOYEES,
    FAMILY_NAMES,
    FIRST_PARTS,
    FREEMAIL,
    GIVEN_NAMES,
    LEFT_THE_COMPANY,
    LEGAL_FORMS,
    ROLES,
    SECOND_PARTS,
)
from forewarn.demo.rows import joined, label, moments, optional, pick, versions
from forewarn.demo.twins import Twins, draw_twins
from forewarn.demo.world import NEVER, Block, Flags, Integers, Moments, World

SPELLINGS = ("Deutschland", "GERMANY", "Germany", " de")


def account_numbers(numbers: Integers) -> pa.Array:
    """Return the CRM's numbers of customers; the product's tenants carry the same."""
    return label("C", numbers, 7)


def erp_numbers(numbers: Integers) -> pa.Array:
    """Return the ERP's numbers of customers; finance uses the same."""
    return label("", 100_000 + numbers, 8)


def employees(world: World) -> pa.Table:
    """Return the employees; one of them has left."""
    number, name, team, region, lead = (pa.array(values, pa.string()) for values in zip(*EMPLOYEES, strict=True))
    address = joined(pc.replace_substring(pc.utf8_lower(name), " ", "."), "@meridian.example")
    return versions(
        {
            "employee_no": number,
            "full_name": name,
            "email": address,
            "team": team,
            "region": region,
            "language": pa.array(["en"] * len(EMPLOYEES)),
            "time_zone": pa.array(["Europe/Berlin"] * len(EMPLOYEES)),
            "lead_no": lead,
            "active": pc.not_equal(number, LEFT_THE_COMPANY),
        },
        moments(world, np.zeros(len(EMPLOYEES)), 18_000),
    )


def draw_master_data(block: Block, customers: Customers) -> tuple[dict[str, pa.Table], Twins, Defects]:
    """Draw the CRM's accounts and contacts, the ERP's customers and the help desk's organisations of a block.

    The records that some customers have twice are told apart, for the caller to add.
    """
    random, world, n = block.random("master data"), block.world, len(customers)
    first, second = random.integers(0, len(FIRST_PARTS), n), random.integers(0, len(SECOND_PARTS), n)
    form = random.integers(0, len(LEGAL_FORMS), n)
    called = draw_names(block, first=first, second=second, form=form)
    stem, name = called.stem, called.name
    has_domain = ((random.random(n) > 0.07) | (customers.segment > 0)) & ~has_freemail(called)
    domain = optional(joined(pc.utf8_lower(stem), "-", label("", customers.number, 5), ".example"), has_domain)
    # Where the CRM does not know the ERP's number, both know the tax number, so that every customer can be found.
    knows_erp = random.random(n) > 0.06
    erp_knows_tax = (random.random(n) > 0.15) | ~knows_erp
    country = pick(COUNTRIES, customers.country)
    tax = joined(country, label("", 100_000_000 + (customers.number * 48_271) % 899_999_981, 9))
    town = customers.country * 6 + random.integers(0, 6, n)
    place = draw_places(block, called, town=town, numbers=customers.number)
    created = moments(world, customers.joined, 6 * 3600)
    recorded = np.maximum(created, moments(world, 0, 5 * 3600))

    accounts = _accounts(
        block,
        random,
        customers,
        recorded,
        {
            "company_name": name,
            "erp_customer_no": optional(erp_numbers(customers.number), knows_erp),
            "vat_id": tax,
            "domain": domain,
            "email": pc.if_else(
                pa.array(has_freemail(called)),
                joined(pc.utf8_lower(stem), ".", label("", customers.number, 5), f"@{FREEMAIL}"),
                joined("office@", domain),
            ),
            "phone": label("+49 555 ", customers.number, 7),
            "street": place.street,
            "postcode": place.postcode,
            "segment": pick(SEGMENTS, customers.segment),
            "industry": pick(INDUSTRIES, customers.industry),
            "region": pick(REGIONS, customers.region),
            "country": country,
            "city": place.city,
            "created_at": created,
        },
    )
    odd = (customers.country == 0) & (random.random(n) < 0.05)
    spelling = pick(SPELLINGS, random.integers(0, len(SPELLINGS), n))
    erp_customers = versions(
        {
            "customer_no": erp_numbers(customers.number),
            "name": pc.utf8_upper(name),
            "vat_id": optional(tax, erp_knows_tax),
            "country": pc.if_else(pa.array(odd), spelling, country),
            "city": place.city,
            "street": pc.utf8_upper(place.street),
            "postcode": place.postcode,
            "phone": place.erp_phone,
            "payment_terms_days": customers.terms_days,
            "created_at": created,
        },
        recorded,
    )
    linked = (random.random(n) > 0.12) | ~has_domain
    organisations = versions(
        {
            "id": label("org-", customers.number, 6),
            "name": name,
            "domain": domain,
            "external_id": optional(account_numbers(customers.number), linked),
            "created_at": created,
        },
        recorded,
    )
    tables = {
        "accounts": accounts,
        "contacts": _contacts(random, customers, domain, has_domain, recorded),
        "customers": erp_customers,
        "organisations": organisations,
    }
    twins = draw_twins(block, customers, accounts, tables["contacts"], called)
    defects = Defects.of("country spelling", "erp.customers", erp_customers.column("customer_no"), recorded, odd)
    return tables, twins, defects


def _accounts(
    block: Block,
    random: np.random.Generator,
    customers: Customers,
    recorded: Moments,
    columns: dict[str, pa.Array],
) -> pa.Table:
    """Return the accounts, some of them with a second version: handed to another account manager of the region."""
    n = len(customers)
    chair = np.where(customers.segment == 2, 0, 1 + customers.number % 2)
    owner = 1 + customers.region * 3 + chair
    handed_on = random.random(n) < 0.06
    day = random.integers(20, block.world.days, n)
    handed_on &= day > customers.joined + 20
    changed = np.where(handed_on, moments(block.world, day, 9 * 3600), NEVER)
    number = account_numbers(customers.number)
    staff = [row[0] for row in EMPLOYEES]
    first = versions({"account_no": number, "owner_no": pick(staff, owner)} | columns, recorded, changed)
    successor = 1 + customers.region * 3 + (chair + 1) % 3
    second = versions({"account_no": number, "owner_no": pick(staff, successor)} | columns, changed)
    return pa.concat_tables([first, second.filter(pa.array(handed_on))])


def _contacts(
    random: np.random.Generator, customers: Customers, domain: pa.Array, has_domain: Flags, recorded: Moments
) -> pa.Table:
    people = 1 + random.binomial(2, np.array([0.25, 0.5, 0.85])[customers.segment])
    at = np.repeat(np.arange(len(customers)), people)
    place = np.arange(len(at)) - np.repeat(people.cumsum() - people, people)
    given = pick(GIVEN_NAMES, random.integers(0, len(GIVEN_NAMES), len(at)))
    family = pick(FAMILY_NAMES, random.integers(0, len(FAMILY_NAMES), len(at)))
    mailbox = joined(pc.utf8_lower(given), ".", pc.utf8_lower(family), "@", domain.take(pa.array(at)))
    return versions(
        {
            "contact_no": joined(account_numbers(customers.number[at]), "-", label("", place + 1, 1)),
            "account_no": account_numbers(customers.number[at]),
            "full_name": joined(given, " ", family),
            "email": optional(mailbox, has_domain[at]),
            "phone": joined(label("+49 555 ", customers.number[at], 7), "-", label("", place + 1, 1)),
            "role": pick(ROLES, place),
        },
        recorded[at],
    )
