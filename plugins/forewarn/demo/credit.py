"""How far finance trusts the customers: credit limits with their history, and invoices that are contested."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.crm import erp_numbers
from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.purchases import Orders
from forewarn.demo.rows import DAY, joined, label, moments, optional, versions
from forewarn.demo.world import Block

MORNING = 7 * 3600
TYPICAL_LINE = 15.0


def draw_credit_limits(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw a limit for each customer, sometimes raised, and halved when payments have become a trouble."""
    random, world, n = block.random("credit limits"), block.world, len(customers)
    monthly = 30 / customers.gap_days * (1 + customers.basket) * (1 + customers.quantity) * TYPICAL_LINE
    limit = np.ceil(3 * monthly * random.lognormal(0, 0.35, n) / 500) * 500
    first = np.maximum(customers.joined, 0)
    raised = random.integers(60, world.days, n)
    trouble = fates.of("payment") > 0.5
    cut = np.where(trouble.any(axis=1), trouble.argmax(axis=1) + 10, world.days)
    everybody = np.arange(n)
    up = np.flatnonzero((random.random(n) < 0.25) & (raised > first + 30))
    down = np.flatnonzero((cut < world.days) & (cut > first))
    who = np.concatenate([everybody, up, down])
    day = np.concatenate([first, raised[up], cut[down]])
    amount = np.concatenate([limit, 1.5 * limit[up], 0.5 * limit[down]])
    valid_from = moments(world, day, MORNING)
    table = versions(
        {
            "limit_no": joined(erp_numbers(customers.number[who]), "-", label("", day, 5)),
            "customer_no": erp_numbers(customers.number[who]),
            "valid_from": valid_from,
            "credit_limit": amount,
        },
        valid_from,
    )
    # Who is raised and cut on one day has been cut.
    kept = ~((np.arange(len(who)) < n + len(up)) & np.isin(who * world.days + day, down * world.days + cut[down]))
    return table.filter(pa.array(kept))


def draw_disputes(block: Block, customers: Customers, fates: Fates, orders: Orders) -> pa.Table:
    """Draw invoices that customers contest: bad service and bad finances make them look twice."""
    random, world = block.random("disputes"), block.world
    trouble = np.maximum(fates.of("service"), fates.of("payment"))[orders.customer, orders.day]
    at = np.flatnonzero(random.random(len(trouble)) < 0.002 + 0.03 * trouble)
    opened = moments(world, orders.day[at] + random.integers(8, 30, len(at)), 10 * 3600)
    closed = opened + (DAY * np.ceil(random.gamma(2, 9, len(at)))).astype(np.int64).astype("timedelta64[s]")
    columns = {
        "dispute_no": joined("S-", orders.number.take(pa.array(at))),
        "customer_no": erp_numbers(customers.number[orders.customer[at]]),
        "invoice_no": pc.replace_substring(orders.number.take(pa.array(at)), "SO", "RE"),
        "opened_at": opened,
        "amount": np.round(orders.amount[at] * random.uniform(0.1, 1.0, len(at)), 2),
    }
    none, all_ = np.zeros(len(at), bool), np.ones(len(at), bool)
    return pa.concat_tables(
        [
            versions(columns | {"closed_at": optional(closed, none)}, opened, closed),
            versions(columns | {"closed_at": optional(closed, all_)}, closed),
        ]
    )
