"""The warehouse management system: stock that runs out now and then, shipments against a promise, backorders."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from forewarn.demo.crm import erp_numbers
from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.purchases import ARTICLES, Orders
from forewarn.demo.rows import DAY, joined, label, moments, optional, pick, versions
from forewarn.demo.world import Block, Flags, Integers, World

CARRIERS = ("own fleet", "parcel", "freight")
OUTAGES_A_YEAR = 0.12
OUTAGE_DAYS = 12.0
COUNT_EVERY_DAYS = 7
REORDER_POINT = 40
_MOST = 6


@lru_cache(maxsize=1)
def out_of_stock(world: World) -> Flags:
    """Return which article is missing on which day, (articles, days); it foretells nothing."""
    random = _random(world, 2)
    day = np.arange(world.days)
    began = random.exponential(365 / OUTAGES_A_YEAR, (ARTICLES, _MOST)).cumsum(axis=1)
    lasted = 2 + random.gamma(2, OUTAGE_DAYS / 2, (ARTICLES, _MOST))
    out = np.zeros((ARTICLES, world.days), dtype=np.bool_)
    for index in range(_MOST):
        out |= (day >= began[:, index, None]) & (day < (began + lasted)[:, index, None])
    return out


def inventory_snapshots(world: World) -> pa.Table:
    """Return the weekly count of every article, from the first day to the end of the world."""
    random = _random(world, 3)
    days = np.arange(COUNT_EVERY_DAYS - 1, world.days, COUNT_EVERY_DAYS)
    stock = REORDER_POINT // 2 + random.gamma(2, 120, (len(days), ARTICLES)).astype(np.int64)
    stock[out_of_stock(world)[:, days].T] = 0
    counted = moments(world, np.repeat(days, ARTICLES), 22 * 3600)
    article = np.tile(np.arange(ARTICLES), len(days))
    return versions(
        {
            "article_no": label("A", article, 4),
            "site": pick(["central"], np.zeros(len(article), int)),
            "counted_at": counted,
            "on_hand": stock.ravel(),
            "reorder_point": np.full(len(article), REORDER_POINT),
        },
        counted,
    )


def draw_deliveries(block: Block, customers: Customers, fates: Fates, orders: Orders) -> dict[str, pa.Table]:
    """Draw one shipment an order, late ones above all in service trouble, and backorders of what was out of stock."""
    return {
        "shipments": _shipments(block, customers, fates, orders),
        "backorders": _backorders(block, customers, orders),
    }


def _shipments(block: Block, customers: Customers, fates: Fates, orders: Orders) -> pa.Table:
    random, n = block.random("shipments"), len(orders.customer)
    placed = moments(block.world, orders.day, orders.second)
    shipped = placed + random.integers(3 * 3600, 21 * 3600, n).astype("timedelta64[s]")
    late = random.random(n) < 0.04 + 0.5 * fates.of("service")[orders.customer, orders.day]
    slack = np.where(late, -random.integers(1, 3, n), random.integers(0, 3, n))
    arrived_on = orders.delivered.astype("datetime64[D]")
    promised = np.maximum(arrived_on + slack, placed.astype("datetime64[D]"))
    columns = {
        "shipment_no": joined("L-", orders.number),
        "order_no": orders.number,
        "customer_no": erp_numbers(customers.number[orders.customer]),
        "carrier": pick(CARRIERS, random.integers(0, len(CARRIERS), n)),
        "shipped_at": shipped,
        "promised_on": promised,
    }
    return _ending(columns, "delivered_at", shipped, orders.delivered)


def _backorders(block: Block, customers: Customers, orders: Orders) -> pa.Table:
    random, world = block.random("backorders"), block.world
    out = out_of_stock(world)
    day = orders.day[orders.line_order]
    at = np.flatnonzero(out[orders.line_article, day] & (random.random(len(day)) < 0.85))
    parent = orders.line_order[at]
    opened = moments(world, orders.day[parent], orders.second[parent] + 1800)
    back = _back_in_stock(out)[orders.line_article[at], orders.day[parent]]
    filled = moments(world, back + random.integers(0, 3, len(at)), 15 * 3600)
    columns = {
        "backorder_no": joined("B-", label("", orders.line_no[at], 2), "-", orders.number.take(pa.array(parent))),
        "order_no": orders.number.take(pa.array(parent)),
        "customer_no": erp_numbers(customers.number[orders.customer[parent]]),
        "article_no": label("A", orders.line_article[at], 4),
        "quantity": orders.line_quantity[at],
        "opened_at": opened,
    }
    return _ending(columns, "filled_at", opened, np.maximum(filled, opened + np.timedelta64(DAY, "s")))


def _ending(columns: dict[str, object], name: str, began: np.ndarray, ended: np.ndarray) -> pa.Table:
    """Return the rows in two versions: while they last, and with the moment of their end."""
    none, all_ = np.zeros(len(began), bool), np.ones(len(began), bool)
    return pa.concat_tables(
        [
            versions(columns | {name: optional(ended, none)}, began, ended),
            versions(columns | {name: optional(ended, all_)}, ended),
        ]
    )


def _back_in_stock(out: Flags) -> Integers:
    """Return for each article and day the next day on which there is some, (articles, days)."""
    day = np.where(out, out.shape[1], np.arange(out.shape[1]))
    following: Integers = np.minimum.accumulate(day[:, ::-1], axis=1)[:, ::-1]
    return following


def _random(world: World, topic: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(world.seed, spawn_key=(2, 0, topic)))
