"""What passes between us and the customer: calls and visits, requests for discount, campaigns and answers to them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from forewarn.demo.activity import happenings, present
from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.names import EMPLOYEES
from forewarn.demo.rows import DAY, joined, label, moments, office_hours, pick, versions
from forewarn.demo.world import Block, World, is_workday

KINDS = ("call", "visit", "meeting", "e-mail")
TOPICS = ("order", "delivery", "new articles", "yearly talks", "discount request")
CAMPAIGN_EVERY_DAYS = 28
DISCOUNT_REQUEST = len(TOPICS) - 1


def draw_interactions(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw calls, visits and mails; price pressure brings requests for discount, drift brings silence."""
    random, world = block.random("interactions"), block.world
    price, drift = fates.of("price"), fates.of("drift")
    usual = np.array([0.010, 0.022, 0.055])[customers.segment] * random.gamma(4, 0.25, len(customers))
    talks = usual[:, None] * (1 - 0.75 * drift)
    requests = 0.0015 + 0.045 * price
    rate = (talks + requests) * present(customers, fates, world.days) * is_workday(world) * 1.4
    who, day = happenings(random, rate)
    asks = random.random(len(who)) < requests[who, day] / (talks + requests)[who, day]
    kind = np.where(asks, random.choice([0, 3], len(who)), random.choice(4, len(who), p=[0.5, 0.14, 0.1, 0.26]))
    topic = np.where(asks, DISCOUNT_REQUEST, random.integers(0, DISCOUNT_REQUEST, len(who)))
    happened = moments(world, day, office_hours(random, len(who)))
    # Some are only entered into the CRM when the week is over.
    entered = happened + (DAY * (random.random(len(who)) < 0.12) * random.integers(1, 4, len(who))).astype(
        "timedelta64[s]"
    )
    staff = [row[0] for row in EMPLOYEES]
    owner = 1 + customers.region * 3 + np.where(customers.segment == 2, 0, 1 + customers.number % 2)
    return versions(
        {
            "interaction_no": joined(label("I", customers.number[who], 7), "-", label("", _place(who) + 1, 4)),
            "account_no": label("C", customers.number[who], 7),
            "employee_no": pick(staff, owner[who]),
            "kind": pick(KINDS, kind),
            "topic": pick(TOPICS, topic),
            "happened_at": happened,
        },
        entered,
    )


def draw_campaign_events(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw what each monthly campaign did: sent, opened, clicked, and now and then an event attended."""
    random, world, n = block.random("campaigns"), block.world, len(customers)
    days = np.arange(9, world.days, CAMPAIGN_EVERY_DAYS)
    target = random.random((n, len(days))) < 0.75
    target &= (days >= customers.joined[:, None]) & (days < fates.churned[:, None] + 120)
    who, campaign = np.nonzero(target)
    day = days[campaign]
    fading = np.maximum(fates.of("drift")[who, day], 0.7 * fates.of("usage")[who, day])
    interest = customers.engagement[who] * (1 - 0.7 * fading) * (day < fates.churned[who])
    opened = random.random(len(who)) < 0.85 * interest
    clicked = opened & (random.random(len(who)) < 0.45 * interest)
    attended = clicked & (random.random(len(who)) < 0.10)
    sent_at = moments(world, day, 7 * 3600)
    wait = random.exponential(14 * 3600, len(who)).astype(np.int64) + 300
    steps = (
        ("sent", np.ones(len(who), bool), 0 * wait),
        ("opened", opened, wait),
        ("clicked", clicked, wait + 240),
        ("attended", attended, wait + 12 * DAY),
    )
    tables = []
    for kind, happened, later in steps:
        at = np.flatnonzero(happened)
        when = sent_at[at] + later[at].astype("timedelta64[s]")
        code = label("K", campaign[at] + 1, 3)
        account = label("C", customers.number[who[at]], 7)
        tables.append(
            versions(
                {
                    "event_no": joined(account, "-", code, f"-{kind}"),
                    "account_no": account,
                    "campaign": code,
                    "kind": pick([kind], np.zeros(len(at), int)),
                    "happened_at": when,
                },
                when,
            )
        )
    # In the order in which they happen, so that a day told alone reads like the same day among others.
    return pa.concat_tables(tables).sort_by([("happened_at", "ascending"), ("event_no", "ascending")])


def campaigns(world: World) -> pa.Table:
    """Return every campaign; each is entered on the morning of its first day."""
    day = np.arange(9, world.days, CAMPAIGN_EVERY_DAYS)
    number = np.arange(1, len(day) + 1)
    start = moments(world, day, 6 * 3600)
    return versions(
        {
            "campaign": label("K", number, 3),
            "title": joined("Monthly offers ", label("", number, 3)),
            "kind": pick(["newsletter"], np.zeros(len(day), int)),
            "starts_at": start,
            "ends_at": start + np.timedelta64(21 * DAY, "s"),
        },
        start,
    )


def _place(who: np.ndarray) -> np.ndarray:
    return np.asarray(np.arange(len(who)) - np.searchsorted(who, who))
