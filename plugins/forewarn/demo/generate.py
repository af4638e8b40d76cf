"""One block of customers with everything that ever happens to them, in every department."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from forewarn.demo.contact import campaigns, draw_campaign_events, draw_interactions
from forewarn.demo.credit import draw_credit_limits, draw_disputes
from forewarn.demo.crm import account_numbers, draw_master_data, erp_numbers
from forewarn.demo.customers import SEGMENTS, Customers, draw_customers
from forewarn.demo.defects import Defects
from forewarn.demo.finance import draw_finance
from forewarn.demo.hazards import CAUSES, UNSEEN, Fates, draw_fates
from forewarn.demo.purchases import draw_purchases
from forewarn.demo.rows import pick
from forewarn.demo.sales import account_owners, draw_leads, draw_opportunities
from forewarn.demo.service import draw_status_changes, draw_tickets
from forewarn.demo.twins import Twins, crm_twin_numbers, erp_twin_numbers, moved
from forewarn.demo.usage import draw_usage
from forewarn.demo.voice import draw_mentions, draw_reviews, draw_survey_answers
from forewarn.demo.wms import draw_deliveries, inventory_snapshots
from forewarn.demo.world import Block, World

HAZARD_EVERY_DAYS = 10


@dataclass(frozen=True)
class History:
    """What happens in some blocks, from the first day to the end of the world.

    Attributes
    ----------
    tables : dict of str to Table
        By `system.table`, every version of every row; `rows` tells how to look at them from one day.
    defects : Defects
    customers : Table
        Truth: one row per customer with the day of leaving and its cause.
    hazards : Table
        Truth: one row per customer and ten days with the hazard per day, whole and by cause.
    accounts : Table
        Truth: one row per account of a source, with the customer that it is and whether it is a twin.
    """

    tables: dict[str, pa.Table]
    defects: Defects
    customers: pa.Table
    hazards: pa.Table
    accounts: pa.Table


def draw_history(blocks: list[Block]) -> History:
    """Draw some blocks; each is drawn alone, so that their number changes nothing."""
    parts = [_draw(block) for block in blocks]
    return History(
        tables={name: pa.concat_tables([part.tables[name] for part in parts]) for name in parts[0].tables},
        defects=Defects(pa.concat_tables([part.defects.table for part in parts])),
        customers=pa.concat_tables([part.customers for part in parts]),
        hazards=pa.concat_tables([part.hazards for part in parts]),
        accounts=pa.concat_tables([part.accounts for part in parts]),
    )


def of_all_customers(world: World) -> dict[str, pa.Table]:
    """Return the tables that grow with the days and not with the customers, by `system.table`."""
    return {"marketing.campaigns": campaigns(world), "wms.inventory_snapshots": inventory_snapshots(world)}


def _draw(block: Block) -> History:
    customers = draw_customers(block)
    fates = draw_fates(block, customers)
    orders, purchases = draw_purchases(block, customers, fates)
    master, twins, spelling = draw_master_data(block, customers)
    in_crm, in_erp = customers.number[twins.crm], customers.number[twins.erp]
    tickets = draw_tickets(block, customers, fates)
    deliveries = draw_deliveries(block, customers, fates, orders)
    finance, amounts = draw_finance(block, customers, fates, orders)
    return History(
        tables={
            "crm.accounts": pa.concat_tables([master["accounts"], twins.accounts]),
            "crm.contacts": pa.concat_tables([master["contacts"], twins.contacts]),
            "crm.interactions": moved(
                draw_interactions(block, customers, fates),
                *("account_no", "interaction_no", "happened_at"),
                of=account_numbers(in_crm),
                to=crm_twin_numbers(in_crm),
                since=twins.crm_since,
            ),
            "crm.account_owners": account_owners(pa.concat_tables([master["accounts"], twins.accounts])),
            "crm.opportunities": draw_opportunities(block, customers, fates),
            "crm.leads": draw_leads(block, customers, master["accounts"]),
            "erp.customers": pa.concat_tables([master["customers"], twins.customers]),
            "erp.orders": moved(
                purchases["orders"],
                *("customer_no", "order_no", "placed_at"),
                of=erp_numbers(in_erp),
                to=erp_twin_numbers(in_erp),
                since=twins.erp_since,
            ),
            "erp.order_lines": purchases["order_lines"],
            "erp.returns": purchases["returns"],
            "help_desk.organisations": master["organisations"],
            "help_desk.tickets": tickets,
            "help_desk.status_changes": draw_status_changes(block, tickets),
            "finance.subscriptions": finance["subscriptions"],
            "finance.invoices": finance["invoices"],
            "finance.payments": finance["payments"],
            "finance.credit_limits": draw_credit_limits(block, customers, fates),
            "finance.disputes": draw_disputes(block, customers, fates, orders),
            "wms.shipments": deliveries["shipments"],
            "wms.backorders": deliveries["backorders"],
            "marketing.events": draw_campaign_events(block, customers, fates),
            "voice.survey_answers": draw_survey_answers(block, customers, fates),
            "voice.reviews": draw_reviews(block, customers, fates),
            "voice.mentions": draw_mentions(block, customers, fates),
            "usage.usage": draw_usage(block, customers, fates),
        },
        defects=spelling + amounts,
        customers=_truth(block, customers, fates),
        hazards=_hazards(block, customers, fates),
        accounts=_accounts(customers, master, twins),
    )


def _truth(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    world = block.world
    day_zero = np.datetime64(world.first_day, "D")
    leaves = fates.churned < world.days
    return pa.table(
        {
            "customer": customers.number,
            "account_no": account_numbers(customers.number),
            "customer_no": erp_numbers(customers.number),
            "segment": pick(SEGMENTS, customers.segment),
            "joined_on": pa.array(day_zero + customers.joined),
            "churned_on": pa.array(day_zero + fates.churned, mask=~leaves),
            "cause": pa.array(np.array([*CAUSES, UNSEEN])[fates.cause].tolist(), mask=~leaves),
            "gap_days": customers.gap_days,
            "regularity": customers.regularity,
            "subscriber": customers.subscriber,
        }
    )


def _accounts(customers: Customers, master: dict[str, pa.Table], twins: Twins) -> pa.Table:
    n = len(customers)
    parts = [
        ("crm", account_numbers(customers.number), customers.number, False),
        ("erp", erp_numbers(customers.number), customers.number, False),
        ("helpdesk", master["organisations"].column("id"), customers.number, False),
        ("crm", crm_twin_numbers(customers.number[twins.crm]), customers.number[twins.crm], True),
        ("erp", erp_twin_numbers(customers.number[twins.erp]), customers.number[twins.erp], True),
    ]
    like = np.where(twins.lookalike >= 0, customers.number - 1, 0)
    return pa.concat_tables(
        [
            pa.table(
                {
                    "source": pa.array([source] * len(who), pa.string()),
                    "account_id": ids,
                    "customer": who,
                    "twin": pa.array(np.full(len(who), twin)),
                    # Who looks like another customer, and is none: its number.
                    "looks_like": pa.array(like[who - customers.number[0]] if n else who),
                }
            )
            for source, ids, who, twin in parts
        ]
    )


def _hazards(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    days = np.arange(0, block.world.days, HAZARD_EVERY_DAYS)
    parts = {
        name: fates.hazard[index][:, days].ravel().astype(np.float32) for index, name in enumerate((*CAUSES, UNSEEN))
    }
    return pa.table(
        {
            "customer": np.repeat(customers.number, len(days)),
            "day": pa.array(np.tile(np.datetime64(block.world.first_day, "D") + days, len(customers))),
            "hazard_per_day": np.sum(list(parts.values()), axis=0),
        }
        | parts
    )
