"""What sales keeps in the CRM: who owned which account when, leads by channel, and the deals that are worked on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.activity import happenings, present
from forewarn.demo.contact import CAMPAIGN_EVERY_DAYS
from forewarn.demo.crm import account_numbers
from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.names import FAMILY_NAMES, GIVEN_NAMES
from forewarn.demo.rows import DAY, UNTIL, UPDATED, joined, label, moments, office_hours, optional, pick, versions
from forewarn.demo.world import NEVER, Block, is_workday

CHANNELS = ("web", "fair", "referral", "campaign", "partner")
DEALS = ("expansion", "renewal")
_CAMPAIGN = CHANNELS.index("campaign")


def account_owners(accounts: pa.Table) -> pa.Table:
    """Return the account managers' times with their accounts, as the versions of the accounts tell them."""
    began, until = (accounts.column(name).cast(pa.timestamp("s")).to_numpy() for name in (UPDATED, UNTIL))
    columns = {
        "assignment_no": joined(accounts.column("account_no"), "-", accounts.column("owner_no")),
        "account_no": accounts.column("account_no"),
        "employee_no": accounts.column("owner_no"),
        "from_at": began,
    }
    ends = until < NEVER
    open_ = versions(columns | {"until_at": optional(until, np.zeros(len(until), bool))}, began, until)
    closed = versions(columns | {"until_at": optional(until, ends)}, until)
    return pa.concat_tables([open_, closed.filter(pa.array(ends))])


def draw_opportunities(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw deals; price pressure and drift lose them."""
    random, world = block.random("opportunities"), block.world
    usual = np.array([0.0012, 0.0025, 0.006])[customers.segment]
    rate = usual[:, None] * present(customers, fates, world.days) * is_workday(world) * 1.4
    who, day = happenings(random, rate)
    n = len(who)
    opened = moments(world, day, office_hours(random, n))
    took = np.maximum(3, random.gamma(2, 18, n)).astype(np.int64)
    decided = np.minimum(day + took, world.days - 1)
    weak = np.maximum(fates.of("price")[who, decided], fates.of("drift")[who, decided])
    lost = (random.random(n) < 0.45 + 0.45 * weak) | (fates.churned[who] <= decided)
    closed = opened + (took * DAY).astype("timedelta64[s]")
    columns = {
        "deal_no": joined(label("D", customers.number[who], 7), "-", label("", _place(who) + 1, 3)),
        "account_no": account_numbers(customers.number[who]),
        "kind": pick(DEALS, random.integers(0, len(DEALS), n)),
        "amount": np.round(
            np.array([900.0, 4_000.0, 18_000.0])[customers.segment[who]] * random.lognormal(0, 0.6, n), 2
        ),
        "opened_at": opened,
    }
    none, all_ = np.zeros(n, bool), np.ones(n, bool)
    working = {"stage": pick(["offer"], np.zeros(n, int)), "closed_at": optional(closed, none)}
    done = {"stage": pick(["closed won", "closed lost"], lost.astype(int)), "closed_at": optional(closed, all_)}
    return pa.concat_tables([versions(columns | working, opened, closed), versions(columns | done, closed)])


def draw_leads(block: Block, customers: Customers, accounts: pa.Table) -> pa.Table:
    """Draw leads: one or two of each customer who joined within the time, and those that came to nothing."""
    random, world = block.random("leads"), block.world
    ahead = random.integers(3, 60, len(customers))
    began = customers.joined - ahead
    known = np.flatnonzero(began >= 0)
    twice = known[random.random(len(known)) < 0.25]
    of = np.concatenate([known, twice])
    day = np.concatenate([began[known], began[twice] + 1 + random.integers(0, 2, len(twice))])
    address = accounts.column("email").combine_chunks().take(pa.array(of))
    joined_at = moments(world, customers.joined[of], 6 * 3600)
    converted = _leads(block, random, customers, who=of, day=day, address=address, converted=joined_at, prefix="L")

    strangers = np.repeat(np.arange(len(customers)), random.poisson(0.8, len(customers)))
    given = pick(GIVEN_NAMES, random.integers(0, len(GIVEN_NAMES), len(strangers)))
    family = pick(FAMILY_NAMES, random.integers(0, len(FAMILY_NAMES), len(strangers)))
    place = label("", customers.number[strangers] * 10 + _place(strangers), 8)
    invented = joined(pc.utf8_lower(given), ".", pc.utf8_lower(family), "@prospect-", place, ".example")
    when = random.integers(0, world.days, len(strangers))
    never = np.full(len(strangers), NEVER)
    lost = _leads(block, random, customers, who=strangers, day=when, address=invented, converted=never, prefix="X")
    return pa.concat_tables([converted, lost])


def _leads(
    block: Block,
    random: np.random.Generator,
    customers: Customers,
    *,
    who: np.ndarray,
    day: np.ndarray,
    address: pa.Array,
    converted: np.ndarray,
    prefix: str,
) -> pa.Table:
    n = len(who)
    created = moments(block.world, day, random.integers(0, DAY, n))
    channel = random.integers(0, len(CHANNELS), n)
    campaign = label("K", np.maximum(day, 9) // CAMPAIGN_EVERY_DAYS + 1, 3)
    # Two leads of one customer do not stand together; which one came first is in their numbers' ends.
    place = np.argsort(np.argsort(who, kind="stable"), kind="stable") - np.searchsorted(np.sort(who), who)
    columns = {
        "lead_no": joined(label(prefix, customers.number[who], 7), "-", label("", place + 1, 2)),
        "email": address,
        "channel": pick(CHANNELS, channel),
        "campaign": optional(campaign, channel == _CAMPAIGN),
        "created_at": created,
    }
    became = account_numbers(customers.number[who])
    none, all_ = np.zeros(n, bool), np.ones(n, bool)
    open_ = {"account_no": optional(became, none), "converted_at": optional(converted, none)}
    done = {"account_no": optional(became, all_), "converted_at": optional(converted, all_)}
    both = [versions(columns | open_, created, converted), versions(columns | done, converted)]
    return pa.concat_tables([both[0], both[1].filter(pa.array(converted < NEVER))])


def _place(who: np.ndarray) -> np.ndarray:
    return np.asarray(np.arange(len(who)) - np.searchsorted(who, who))
