"""Orders, their lines and returns: each customer in a rhythm of their own, which trouble stretches and shrinks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.rows import joined, label, moments, office_hours, optional, pick, versions
from forewarn.demo.world import Block, Flags, Floats, Integers, Moments, Paths, is_workday, season

CATEGORIES = (
    "fasteners",
    "adhesives",
    "cleaning",
    "packaging",
    "safety wear",
    "hand tools",
    "power tools",
    "lighting",
    "cables",
    "plumbing",
    "storage",
    "office",
)
ARTICLES = 400
PAUSES_A_YEAR = 0.08
DRIFT_STRETCHES = 1.5
"""At full drift, gaps are 1 + this times as long."""
RETURN_REASONS = ("wrong article", "damaged", "late delivery", "quality", "ordered too many")


@dataclass(frozen=True)
class Orders:
    """One block's orders.

    Attributes
    ----------
    customer, day, second, number, amount, discount, delivered : (orders,)
        The customer's index in the block, when it was placed, its number and value, and when the goods arrive.
    line_order, line_no, line_article, line_quantity : (lines,)
        The order's index above, and what the line is about.
    """

    customer: Integers
    day: Integers
    second: Integers
    number: pa.Array
    amount: Floats
    discount: Floats
    delivered: Moments
    line_order: Integers
    line_no: Integers
    line_article: Integers
    line_quantity: Integers


def draw_purchases(block: Block, customers: Customers, fates: Fates) -> tuple[Orders, dict[str, pa.Table]]:
    """Draw what a block's customers buy and send back.

    Returns
    -------
    orders
        For those departments that follow them up.
    tables
        `orders`, `order_lines` and `returns` of the ERP.
    """
    random, world = block.random("purchases"), block.world
    who, day = _order_days(block, random, customers, fates)
    second = office_hours(random, len(who))
    sequence = _sequence(who)
    number = joined(label("SO", customers.number[who], 7), "-", label("", sequence + 1, 4))
    placed = moments(world, day, second)

    service, price, drift = (fates.of(cause)[who, day] for cause in ("service", "price", "drift"))
    lines = 1 + random.poisson(customers.basket[who] * (1 - 0.55 * drift))
    order = np.repeat(np.arange(len(who)), lines)
    line_no = _sequence(order) + 1
    buyer = who[order]
    favourite = np.minimum(random.geometric(0.12, len(order)), 60)
    article = (customers.number[buyer] * 7919 + favourite * 31) % ARTICLES
    prices = list_prices(world.seed)
    quantity = 1 + random.poisson(customers.quantity[buyer] * (1 - 0.3 * drift[order]))
    asked = customers.discount[who] + 0.16 * price + 0.03 * service
    share = np.clip(random.normal(asked[order], 0.03), 0, 0.5)
    gross = prices[article] * quantity
    discount = np.round(gross * share, 2)
    net = np.round(gross - discount, 2)
    amount: Floats = np.round(np.bincount(order, weights=net, minlength=len(who)), 2).astype(np.float64)
    granted: Floats = np.round(np.bincount(order, weights=discount, minlength=len(who)), 2).astype(np.float64)

    delivered = placed + (86_400 * random.integers(1, 5, len(who)) + 3_600).astype("timedelta64[s]")
    customer_no = label("", 100_000 + customers.number[who], 8)
    head = {
        "order_no": number,
        "customer_no": customer_no,
        "placed_at": placed,
        "net_amount": amount,
        "discount_amount": granted,
    }
    open_, done = pick(["open"], np.zeros(len(who), int)), pick(["delivered"], np.zeros(len(who), int))
    orders = pa.concat_tables(
        [versions(head | {"status": open_}, placed, delivered), versions(head | {"status": done}, delivered)]
    )
    order_lines = versions(
        {
            "order_no": number.take(pa.array(order)),
            "line_no": line_no,
            "article_no": label("A", article, 4),
            "quantity": quantity,
            "net_amount": net,
            "discount_amount": discount,
        },
        placed[order],
    )
    return (
        Orders(
            customer=who,
            day=day,
            second=second,
            number=number,
            amount=amount,
            discount=granted,
            delivered=delivered,
            line_order=order,
            line_no=line_no,
            line_article=article,
            line_quantity=quantity,
        ),
        {
            "orders": orders,
            "order_lines": order_lines,
            "returns": _returns(
                block,
                random,
                orders_of=number,
                who=who,
                customers=customers,
                net=net,
                order=order,
                article=article,
                day=day,
                service=service,
            ),
        },
    )


def list_prices(seed: int) -> Floats:
    """Return the list price of each article, (ARTICLES,)."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, 0, 1)))
    prices: Floats = np.round(random.lognormal(2.4, 0.8, ARTICLES), 2)
    return prices


def products(block_seed: int, updated: np.datetime64) -> pa.Table:
    """Return the ERP's articles."""
    article = np.arange(ARTICLES)
    category = pick(CATEGORIES, article % len(CATEGORIES))
    return versions(
        {
            "article_no": label("A", article, 4),
            "title": joined(category, " ", label("type ", article // len(CATEGORIES) + 1, 2)),
            "category": category,
            "list_price": list_prices(block_seed),
        },
        np.full(ARTICLES, updated),
    )


def _order_days(
    block: Block, random: np.random.Generator, customers: Customers, fates: Fates
) -> tuple[Integers, Integers]:
    """Return customer and day of each order.

    Gaps are drawn from the customer's gamma distribution in a time of their own, which runs slower in a weak season
    and in trouble, and then translated into days.
    """
    world, n = block.world, len(customers)
    speed = season(world) / (1 + DRIFT_STRETCHES * fates.of("drift") + 0.25 * fates.of("service"))
    speed *= np.arange(world.days) >= customers.joined[:, None]
    speed *= 1 - 0.97 * _paused(random, n, world.days)
    clock = speed.cumsum(axis=1, dtype=np.float64)
    length = float(world.days * 1.5)
    many = np.ceil(clock[:, -1] / customers.gap_days * 1.25 + 12).astype(np.int64)
    who = np.repeat(np.arange(n), many)
    shape = customers.regularity[who]
    gap = random.gamma(shape) / shape * customers.gap_days[who]
    first = np.concatenate([[0], many.cumsum()[:-1]])
    # Those who were customers before are somewhere within a gap; those who join do so by their first order.
    gap[first] *= np.where(customers.joined < 0, random.random(n), 0.0)
    total = gap.cumsum()
    own = total - np.repeat(total[first] - gap[first], many)
    place = np.searchsorted((clock + np.arange(n)[:, None] * length).ravel(), own + who * length + 1e-9)
    day = place - who * world.days
    inside = (own < clock[who, -1]) & (day < world.days)
    who, day = who[inside], day[inside]
    day = _to_workday(day, is_workday(world))
    # The closing of a week may lie beyond the end; nothing is decided there.
    kept = (day < world.days) & (day < fates.churned[who]) & (day >= customers.joined[who])
    return who[kept], day[kept]


def _paused(random: np.random.Generator, n: int, days: int) -> Flags:
    """Return when customers stop for a while and come back, (n, days): full stores, a finished project, a move.

    Nothing foretells it and it is not leaving, though for some weeks it looks the same.
    """
    day = np.arange(days)
    paused = np.zeros((n, days), dtype=np.bool_)
    onset = random.exponential(365 / PAUSES_A_YEAR, (n, 2)).cumsum(axis=1) - 60
    length = random.uniform(35, 130, (n, 2))
    for index in range(2):
        began, lasted = onset[:, index, None], length[:, index, None]
        paused |= (day >= began) & (day < began + lasted)
    return paused


def _to_workday(day: Integers, workday: Flags) -> Integers:
    following = np.arange(len(workday) + 1)
    for index in range(len(workday) - 1, -1, -1):
        following[index] = index if workday[index] else following[index + 1]
    return following[day]


def _returns(
    block: Block,
    random: np.random.Generator,
    *,
    orders_of: pa.Array,
    who: Integers,
    customers: Customers,
    net: Floats,
    order: Integers,
    article: Integers,
    day: Integers,
    service: Paths,
) -> pa.Table:
    back = np.flatnonzero(random.random(len(order)) < 0.006 + 0.05 * service[order])
    returned = moments(
        block.world, day[order[back]] + random.integers(3, 21, len(back)), office_hours(random, len(back))
    )
    reason = random.integers(0, len(RETURN_REASONS), len(back))
    parent = order[back]
    return versions(
        {
            "return_no": joined("R-", orders_of.take(pa.array(parent)), "-", label("", _sequence(order)[back] + 1, 2)),
            "order_no": orders_of.take(pa.array(parent)),
            "customer_no": label("", 100_000 + customers.number[who[parent]], 8),
            "article_no": label("A", article[back], 4),
            "returned_at": returned,
            "amount": net[back],
            "reason": optional(pick(RETURN_REASONS, reason), random.random(len(back)) < 0.9),
        },
        returned,
    )


def _sequence(sorted_groups: Integers) -> Integers:
    """Return each row's place within its group, from 0; rows of a group stand together."""
    n = len(sorted_groups)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    return np.arange(n) - np.repeat(starts, np.diff(np.r_[starts, n]))
