"""The portal's daily usage by subscribers: fewer people come and do less before a subscription is given up."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.rows import DAY, joined, label, moments, pick, versions
from forewarn.demo.world import Block, is_workday

FEATURES = ("ordering", "stock", "invoices", "tracking", "catalogue", "reports", "approvals", "interfaces")


def draw_usage(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw one row per subscriber and day with any usage; a day's row is written in the night after it."""
    random, world = block.random("usage"), block.world
    here = np.flatnonzero(customers.subscriber)
    day = np.arange(world.days)
    subscribed, churned = customers.subscribed[here, None], fates.churned[here, None]
    # After the decision to leave, the last of them look up old invoices for a week or two.
    tail = np.clip(1 - (day - churned) / 14, 0, 1) ** 2
    alive = (day >= subscribed) * np.where(day < churned, 1.0, tail)
    learning = np.clip((day - subscribed) / 30, 0.3, 1)
    habit = np.clip(random.beta(3, 4, len(here)), 0.12, 0.9)[:, None]
    week = np.where(is_workday(world), 1.0, 0.08)
    share = (
        habit
        * alive
        * learning
        * week
        * (1 - 0.95 * fates.of("usage")[here]) ** 1.5
        * (1 - 0.3 * fates.of("drift")[here])
    )
    users = random.binomial(customers.seats[here, None], np.clip(share, 0, 1))
    row, at = np.nonzero(users)
    active = users[row, at]
    fading = fates.of("usage")[here[row], at]
    events = active + random.poisson(active * 9.0 * (1 - 0.5 * fading))
    breadth = np.maximum(1, np.round(len(FEATURES) * (0.25 + 0.75 * habit[row, 0]) * (1 - 0.6 * fading))).astype(
        np.int64
    )
    feature = (random.integers(0, 1 << 30, len(row)) % breadth + customers.number[here[row]]) % len(FEATURES)
    tenant = label("C", customers.number[here[row]], 7)
    midnight = moments(world, at)
    return versions(
        {
            "usage_id": joined(tenant, "-", label("", at, 5)),
            "tenant": tenant,
            "day": midnight,
            "active_users": active,
            "events": events,
            "main_feature": pick(FEATURES, feature),
        },
        midnight + np.timedelta64(DAY - 60, "s"),
    )
