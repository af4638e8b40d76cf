"""How customers appear: names and addresses, some so like another customer's that they could be taken for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.customers import COUNTRIES
from forewarn.demo.names import (
    CHINESE_FIRST,
    CHINESE_SECOND,
    CHINESE_TRADES,
    CITIES,
    FIRST_PARTS,
    LEGAL_FORMS,
    SECOND_PARTS,
    STREET_STEMS,
)
from forewarn.demo.rows import joined, label, optional, pick
from forewarn.demo.world import Block, Flags, Integers

TOWNS = tuple(city for country in COUNTRIES for city in CITIES[country])
STREETS = tuple(f"{stem}{kind}" for stem in STREET_STEMS for kind in ("straße", "weg"))
QUARTERS = ("Nord", "Süd", "Ost", "West")
LOOKALIKE_SHARE, CHINESE_SHARE = 0.06, 0.04
BRANCH, HOMONYM, NEXT_DOOR, FREEMAIL = range(4)
"""Kinds of look-alikes of the customer before: a name with a quarter in another town, the same name in the same town,
another name at the same address, the same name in another town with an address of free mail."""


@dataclass(frozen=True)
class Called:
    """Names of a block's customers, (customers,).

    Attributes
    ----------
    stem : what domains are made of
    name : as the CRM writes it
    chinese : the same in Chinese, where the company is one
    lookalike : -1, or the kind of look-alike of the customer before
    """

    stem: pa.Array
    name: pa.Array
    chinese: pa.Array
    lookalike: Integers


@dataclass(frozen=True)
class Place:
    """Addresses of a block's customers, (customers,); `erp_phone` is the number as the ERP has it, if at all."""

    town: Integers
    street: pa.Array
    postcode: pa.Array
    city: pa.Array
    erp_phone: pa.Array


def draw_names(block: Block, *, first: Integers, second: Integers, form: Integers) -> Called:
    """Name the customers, given the parts of their names and their legal forms."""
    random, n = block.random("appearance"), block.size
    before = np.maximum(np.arange(n) - 1, 0)
    chosen = (random.random(n) < LOOKALIKE_SHARE) & (np.arange(n) > 0)
    # A look-alike of a look-alike would be like two.
    chosen &= ~chosen[before]
    lookalike = np.where(chosen, random.integers(0, 4, n), -1)
    chinese = random.random(n) < CHINESE_SHARE
    syllables = random.integers(0, len(CHINESE_FIRST), n), random.integers(0, len(CHINESE_SECOND), n)
    trade = random.integers(0, len(CHINESE_TRADES), n)
    # Who is called like the customer before takes over all of its name.
    of = np.where(chosen & (lookalike != NEXT_DOOR), before, np.arange(n))
    first, second, form, trade, one, two = (part[of] for part in (first, second, form, trade, *syllables))
    chinese = chinese[of]

    pinyin = joined(pick([p for p, _ in CHINESE_FIRST], one), pick([p for p, _ in CHINESE_SECOND], two))
    han = joined(pick([h for _, h in CHINESE_FIRST], one), pick([h for _, h in CHINESE_SECOND], two))
    western = joined(pick(FIRST_PARTS, first), pick(SECOND_PARTS, second))
    stem = pc.if_else(pa.array(chinese), pinyin, western)
    company = pc.if_else(
        pa.array(chinese), joined(pc.utf8_capitalize(pinyin), " ", pick([t for t, _ in CHINESE_TRADES], trade)), western
    )
    quarter = pick(QUARTERS, random.integers(0, len(QUARTERS), n))
    company = pc.if_else(pa.array(lookalike == BRANCH), joined(company, " ", quarter), company)
    legal = pc.if_else(pa.array(chinese), "Co., Ltd.", pick(LEGAL_FORMS, form))
    in_chinese = joined(han, pick([t for _, t in CHINESE_TRADES], trade), "有限公司")
    return Called(
        stem=stem,
        name=joined(company, " ", legal),
        chinese=optional(in_chinese, chinese & (lookalike != BRANCH)),
        lookalike=lookalike,
    )


def draw_places(block: Block, called: Called, *, town: Integers, numbers: Integers) -> Place:
    """Give the customers addresses and telephone numbers, given their towns and their own numbers."""
    random, n = block.random("places"), block.size
    street, house, zone = random.integers(0, len(STREETS), n), random.integers(1, 140, n), random.integers(0, 20, n)
    before = np.maximum(np.arange(n) - 1, 0)
    next_door = called.lookalike == NEXT_DOOR
    town = np.where(next_door | (called.lookalike == HOMONYM), town[before], town)
    street, house, zone = (np.where(next_door, part[before], part) for part in (street, house, zone))
    elsewhere = (called.lookalike == BRANCH) | (called.lookalike == FREEMAIL)
    # In another town of the same country.
    town = np.where(elsewhere & (town == town[before]), town // 6 * 6 + (town + 1) % 6, town)
    return Place(
        town=town,
        street=joined(pick(STREETS, street), " ", label("", house, 0)),
        postcode=label("", 10_000 + town * 2_900 + zone * 37, 5),
        city=pick(TOWNS, town),
        erp_phone=optional(joined("0049-555/", label("", numbers, 7)), random.random(n) < 0.8),
    )


def has_freemail(called: Called) -> Flags:
    """Return who has no domain of their own, but an address that anybody can have."""
    return np.asarray(called.lookalike == FREEMAIL, dtype=np.bool_)
