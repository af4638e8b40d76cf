"""Finance: subscriptions to the portal, invoices, and payments that come later and later in trouble."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.crm import erp_numbers
from forewarn.demo.customers import Customers
from forewarn.demo.defects import Defects
from forewarn.demo.hazards import Fates
from forewarn.demo.purchases import Orders
from forewarn.demo.rows import joined, label, moments, optional, pick, versions
from forewarn.demo.world import NEVER, Block, Floats, Integers, World

NOTICE_DAYS = 30
BILLING_DAYS = 30
BAD_AMOUNTS = ("n/a", "1.234,50", "see order")
BAD_SHARE = 0.0005
OFFICE = 16 * 3600


def draw_finance(
    block: Block, customers: Customers, fates: Fates, orders: Orders
) -> tuple[dict[str, pa.Table], Defects]:
    """Draw subscriptions, invoices and payments of a block, and the faults in them."""
    random = block.random("finance")
    subscriptions, bills = _subscriptions(block, random, customers, fates)
    lag = random.integers(1, 4, len(orders.customer))
    who = np.concatenate([orders.customer, bills[0]])
    issued = np.concatenate([orders.day + lag, bills[1]])
    amount = np.concatenate([orders.amount, customers.mrr[bills[0]]])
    of_orders = pc.replace_substring(orders.number, "SO", "RE")
    of_subscriptions = joined(label("RP", customers.number[bills[0]], 7), "-", label("", bills[2] + 1, 4))
    number = pa.concat_arrays([_flat(of_orders), _flat(of_subscriptions)])

    world = block.world
    bad = random.random(len(who)) < BAD_SHARE
    text = pc.cast(pa.array(amount), pa.string())
    wrong = pick(BAD_AMOUNTS, random.integers(0, len(BAD_AMOUNTS), len(who)))
    delivered = moments(world, issued, OFFICE)
    due = issued + customers.terms_days[who]
    invoices = versions(
        {
            "invoice_no": number,
            "customer_no": erp_numbers(customers.number[who]),
            "issued_on": _date(world, issued),
            "due_on": _date(world, due),
            "amount": pc.if_else(pa.array(bad), wrong, text),
        },
        delivered,
    )
    payments = _payments(block, random, customers, fates, who=who, issued=issued, due=due, number=number, amount=amount)
    defects = Defects.of("bad amount", "finance.invoices", number, delivered, bad)
    return {"subscriptions": subscriptions, "invoices": invoices, "payments": payments}, defects


def _payments(
    block: Block,
    random: np.random.Generator,
    customers: Customers,
    fates: Fates,
    *,
    who: Integers,
    issued: Integers,
    due: Integers,
    number: pa.Array,
    amount: Floats,
) -> pa.Table:
    world, n = block.world, len(who)
    trouble = fates.of("payment")[who, np.minimum(due, world.days - 1)]
    delay = customers.delay_days[who] + random.normal(0, 3.5, n) + 48 * trouble * random.uniform(0.5, 1.3, n)
    paid = np.maximum(np.round(due + delay).astype(np.int64), issued + 1)
    broke = fates.churned[who] - due
    insolvent = (trouble > 0.25) & (broke < 45) & (random.random(n) < 0.6)
    never = (random.random(n) < 0.0008) | insolvent
    at = np.flatnonzero(~never)
    return versions(
        {
            "payment_no": joined("P-", number.take(pa.array(at))),
            "customer_no": erp_numbers(customers.number[who[at]]),
            "invoice_no": number.take(pa.array(at)),
            "paid_on": _date(world, paid[at]),
            "amount": amount[at],
        },
        moments(world, paid[at], OFFICE + 600),
    )


def _subscriptions(
    block: Block, random: np.random.Generator, customers: Customers, fates: Fates
) -> tuple[pa.Table, tuple[Integers, Integers, Integers]]:
    """Return the versions of the subscriptions (started, renewed, given up or run out), and who is billed when."""
    world = block.world
    end = fates.churned
    here = np.flatnonzero(customers.subscriber & (customers.subscribed < np.minimum(end, world.days)))
    start, leaves, n = customers.subscribed[here], end[here], len(here)
    term = np.where(random.random(n) < 0.7, 365, 91)
    stays = leaves >= world.days
    # Those who leave give notice, or let the term run out when it ends soon anyway.
    term_end = start + term * -(-(leaves - start + 1) // term)
    runs_out = ~stays & (term_end - leaves < 75) & (random.random(n) < 0.5)
    notice = ~stays & ~runs_out
    told = leaves + random.integers(0, 12, n)
    last = np.where(runs_out, term_end, np.where(notice, told + NOTICE_DAYS, world.days + 10_000))

    many = -(-(np.minimum(last, world.days) - start) // term)
    row = np.repeat(np.arange(n), many)
    nth = np.arange(len(row)) - np.repeat(many.cumsum() - many, many)
    begins = start[row] + nth * term[row]
    written = moments(world, begins, 8 * 3600)
    following = moments(world, np.minimum(begins + term[row], world.days + 20_000), 8 * 3600)
    final = np.r_[row[1:] != row[:-1], True] if len(row) else np.zeros(0, bool)
    closing = moments(world, np.where(notice, told, last), OFFICE)
    # Notice ends the row's life as an ongoing contract, also when a new term begins before the contract is over.
    until = np.minimum(np.where(final, NEVER, following), np.where(stays, NEVER, closing)[row])
    # What happened before the first day is only known as the state of that day.
    floor = moments(world, 0, 5 * 3600)
    kept = until > np.maximum(written, floor)
    columns = _terms(world, customers, here, started=start, renews=start + many * term, term=term)
    periods = versions(
        {name: values.take(pa.array(row)) for name, values in columns.items()}
        | {
            "renews_on": _date(world, begins + term[row]),
            "ended_on": pa.nulls(len(row), pa.date32()),
            "notice_on": pa.nulls(len(row), pa.date32()),
        },
        np.maximum(written, floor),
        until,
    ).filter(pa.array(kept))
    ends = versions(
        columns
        | {
            "ended_on": _date(world, np.minimum(last, world.days + 400)),
            "notice_on": optional(_date(world, told), notice),
        },
        closing,
    ).filter(pa.array(~stays))
    bills = _bills(world, here, start, last)
    return pa.concat_tables([periods, ends]), bills


def _terms(
    world: World, customers: Customers, here: Integers, *, started: Integers, renews: Integers, term: Integers
) -> dict[str, pa.Array]:
    return {
        "subscription_no": label("S", customers.number[here], 7),
        "customer_no": erp_numbers(customers.number[here]),
        "started_on": _date(world, started),
        "renews_on": _date(world, renews),
        "plan": pick(("yearly", "quarterly"), (term == 91).astype(int)),
        "monthly_price": pa.array(customers.mrr[here]),
        "seats": pa.array(customers.seats[here]),
    }


def _bills(world: World, here: Integers, start: Integers, last: Integers) -> tuple[Integers, Integers, Integers]:
    """Return customer, day and number of each bill of a subscription since the first day."""
    many = np.maximum(0, -(-(np.minimum(last, world.days) - start) // BILLING_DAYS))
    row = np.repeat(np.arange(len(here)), many)
    nth = np.arange(len(row)) - np.repeat(many.cumsum() - many, many)
    day = start[row] + nth * BILLING_DAYS
    kept = day >= 0
    return here[row][kept], day[kept], nth[kept]


def _date(world: World, day: Integers) -> pa.Array:
    return pa.array((np.datetime64(world.first_day, "D") + day).astype("datetime64[D]"))


def _flat(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
