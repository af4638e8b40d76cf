"""The help desk's tickets; service trouble brings complaints, long waits and bad answers to the survey."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.activity import happenings, present
from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.rows import DAY, UNTIL, UPDATED, joined, label, moments, office_hours, optional, pick, versions
from forewarn.demo.world import NEVER, Block, is_workday

KINDS = ("question", "incident", "complaint")
PRIORITIES = ("low", "normal", "high", "urgent")
SUBJECTS = (
    ("Question about an invoice", "Which article fits?", "Change of delivery address", "Access for a colleague"),
    ("Delivery incomplete", "Portal shows an error", "Article damaged on arrival", "Wrong article delivered"),
    ("Third late delivery in a row", "Nobody calls back", "Quality is getting worse", "Still no solution"),
)


def draw_tickets(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw the tickets of a block: opened, solved later, and sometimes rated a day after that."""
    random, world = block.random("service"), block.world
    trouble = fates.of("service")
    here = present(customers, fates, world.days)
    size = np.array([0.6, 1.0, 2.4])[customers.segment] * random.gamma(4, 0.25, len(customers))
    usual = (0.0062 * size + 0.003 * customers.subscriber)[:, None]
    rate = (usual * (1 + 2 * trouble) + 0.10 * trouble) * here * is_workday(world) * 1.4
    who, day = happenings(random, rate)
    unhappy = trouble[who, day]

    draw = random.random(len(who))
    complaint = draw < 0.07 + 0.55 * unhappy
    kind = np.where(complaint, 2, np.where(random.random(len(who)) < 0.45, 1, 0))
    priority = np.clip(kind + random.integers(0, 2, len(who)), 0, 3)
    opened = moments(world, day, office_hours(random, len(who)))
    days_to_solve = random.gamma(1.3, 1.9 * (1 + 5 * unhappy))
    forgotten = random.random(len(who)) < 0.01 + 0.3 * unhappy
    days_to_solve = np.where(forgotten, days_to_solve + random.uniform(30, 120, len(who)), days_to_solve)
    solved = opened + (days_to_solve * DAY).astype(np.int64).astype("timedelta64[s]") + np.timedelta64(600, "s")
    answers = (random.random(len(who)) < 0.35) & ~forgotten
    rating = np.clip(np.round(random.normal(4.4 - 2.3 * unhappy - 0.6 * complaint, 0.8)), 1, 5).astype(np.int64)
    rated = np.where(answers, solved + np.timedelta64(DAY, "s"), NEVER)

    place = np.arange(len(who)) - np.searchsorted(who, who)
    subject = np.array(SUBJECTS).ravel()[kind * 4 + random.integers(0, 4, len(who))]
    columns = {
        "id": label("T", customers.number[who] * 10_000 + place + 1, 9),
        "organisation_id": label("org-", customers.number[who], 6),
        "type": pick(KINDS, kind),
        "priority": pick(PRIORITIES, priority),
        "subject": pa.array(subject.tolist(), pa.string()),
        "created_at": opened,
    }
    unrated = pa.nulls(len(who), pa.int64())
    state = {name: pick([name], np.zeros(len(who), int)) for name in ("open", "solved")}
    nothing = pa.nulls(len(who), pa.timestamp("s", tz="UTC"))
    solved_at = optional(solved, np.ones(len(who), bool))
    first = {"status": state["open"], "solved_at": nothing, "satisfaction": unrated}
    second = {"status": state["solved"], "solved_at": solved_at, "satisfaction": unrated}
    third = {"status": state["solved"], "solved_at": solved_at, "satisfaction": pa.array(rating)}
    return pa.concat_tables(
        [
            versions(columns | first, opened, solved),
            versions(columns | second, solved, rated),
            versions(columns | third, rated).filter(pa.array(answers)),
        ]
    )


def draw_status_changes(block: Block, tickets: pa.Table) -> pa.Table:
    """Return the steps of the tickets: open, now and then waiting for an answer, and solved."""
    random = block.random("status changes")
    first = tickets.filter(pc.equal(tickets.column("status"), "open"))
    number = first.column("id")
    opened, solved = (first.column(name).cast(pa.timestamp("s")).to_numpy() for name in (UPDATED, UNTIL))
    share = random.uniform(0.2, 0.8, len(opened))
    waits = random.random(len(opened)) < 0.3
    asked = opened + ((solved - opened).astype(np.int64) * share).astype(np.int64).astype("timedelta64[s]")
    always = np.ones(len(opened), bool)
    steps = (("open", opened, always), ("waiting", asked, waits), ("solved", solved, always))
    return pa.concat_tables(
        [
            versions(
                {
                    "id": joined(number, f"-{name}"),
                    "ticket_id": number,
                    "status": pick([name], np.zeros(len(when), int)),
                    "changed_at": when,
                },
                when,
            ).filter(pa.array(happens))
            for name, when, happens in steps
        ]
    )
