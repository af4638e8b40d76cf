"""Meridian Supply, a wholesaler that does not exist: found it with `seed`, let it live one more day with `advance`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from forewarn.config.connections import name_connection
from forewarn.demo.connections import help_desk_token
from forewarn.demo.crm import employees
from forewarn.demo.databases import Database
from forewarn.demo.defects import Defects
from forewarn.demo.drops import SYSTEMS, Drops
from forewarn.demo.generate import draw_history, of_all_customers
from forewarn.demo.help_desk_data import HelpDeskData
from forewarn.demo.purchases import products
from forewarn.demo.rows import changed_on, known_before
from forewarn.demo.truth import Truth
from forewarn.demo.world import World, chunks
from forewarn.errors import Permanent
from forewarn.progress import Progress
from forewarn.warehouse.embedded import EmbeddedServer

LAST_DAY = date(2026, 6, 30)
CHUNK = 2_000
STATE = "company.json"
DATABASES = ("crm", "erp", "wms")
TABLES_OF_A_DAY = (
    "crm.accounts",
    "crm.contacts",
    "crm.interactions",
    "crm.account_owners",
    "crm.opportunities",
    "crm.leads",
    "erp.customers",
    "erp.orders",
    "erp.order_lines",
    "erp.returns",
    "help_desk.organisations",
    "help_desk.tickets",
    "help_desk.status_changes",
    "finance.subscriptions",
    "finance.invoices",
    "finance.payments",
    "finance.credit_limits",
    "finance.disputes",
    "wms.shipments",
    "wms.backorders",
    "marketing.events",
    "voice.survey_answers",
    "voice.reviews",
    "voice.mentions",
    "usage.usage",
)


@dataclass(frozen=True)
class Company:
    """A company that has been founded.

    Attributes
    ----------
    home : Path
    world : World
    as_of_date : date
        The sources know everything strictly before it.
    """

    home: Path
    world: World
    as_of_date: date

    @property
    def truth(self) -> Truth:
        """What really happens; no source may reach it."""
        return Truth(self.home)

    @classmethod
    def load(cls, home: Path) -> Company:
        """Return the company of a home.

        Raises
        ------
        Permanent
            None was founded there.
        """
        file = home / STATE
        if not file.is_file():
            raise Permanent(
                f"simulated company in {home}",
                expected=f"a {STATE}",
                got="none",
                next_step="run `make demo`, which founds it",
            )
        state = json.loads(file.read_text(encoding="utf-8"))
        world = World(**(state["world"] | {"first_day": date.fromisoformat(state["world"]["first_day"])}))
        return cls(home=home, world=world, as_of_date=date.fromisoformat(state["as_of_date"]))

    def save(self) -> None:
        """Remember the company; the last step of whatever changes it."""
        state = {"world": asdict(self.world), "as_of_date": self.as_of_date}
        unfinished = self.home / f"{STATE}.part"
        unfinished.write_text(json.dumps(state, default=str, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self.home / STATE)


def is_founded(home: Path) -> bool:
    """Return whether a company was founded, completely, in a home."""
    return (home / STATE).is_file()


def seed(
    home: Path,
    server: EmbeddedServer,
    *,
    customers: int = 2_000,
    seed: int = 7,
    months: int = 24,
    last_day: date = LAST_DAY,
    chunk: int = CHUNK,
    progress: Progress | None = None,
) -> Company:
    """Found the company: fill every source system with what is known at the end of `last_day`.

    Whatever a home or the server's databases `crm` and `erp` held before is replaced. Memory follows `chunk`, not
    `customers`.

    Parameters
    ----------
    customers : int
        Customers who join up to the end of the month of `last_day`; some more join in the year after.
    months : int
        Length of the history, the month of `last_day` included.
    """
    world = World.ending(last_day, seed=seed, customers=customers, months=months)
    company = Company(home=home, world=world, as_of_date=last_day + timedelta(days=1))
    home.mkdir(parents=True, exist_ok=True)
    (home / STATE).unlink(missing_ok=True)
    truth, drops, desk = company.truth, Drops(home, world), HelpDeskData(home)
    databases = _databases(server)
    truth.clear()
    drops.clear()
    desk.create()
    for database in databases:
        database.create()
        database.load({"crm.employees": employees(world), "erp.products": products(world.seed, world.start)})

    before = np.datetime64(company.as_of_date, "s")
    whole = of_all_customers(world)
    for database in databases:
        database.load({name: known_before(table, before) for name, table in whole.items()})
    drops.write(whole, world.first_day, company.as_of_date)
    done, total = 0, sum(block.size for block in world.blocks())
    for number, blocks in enumerate(chunks(world, chunk)):
        history = draw_history(blocks)
        truth.write(number, history, as_of=company.as_of_date, end=world.end)
        known = {name: known_before(table, before) for name, table in history.tables.items()}
        for database in databases:
            database.load(known)
        desk.write(known)
        drops.write(history.tables, world.first_day, company.as_of_date)
        done += sum(block.size for block in blocks)
        if progress:
            progress("customers", done, total)
    drops.close()
    for database in databases:
        database.finish()
    _deliver_twice(company, drops)
    _name_connections(home, databases)
    company.save()
    return company


def advance(home: Path, server: EmbeddedServer, *, progress: Progress | None = None) -> date:
    """Let one more day pass in every source system and return the new as-of date.

    A day that was interrupted is written again from its beginning, with the same result.

    Raises
    ------
    Permanent
        No company was founded in this home, or its decided future is used up.
    """
    company = Company.load(home)
    day = company.as_of_date
    if day >= company.world.end:
        raise Permanent(
            f"simulated company in {home}",
            expected=f"a day before {company.world.end}, up to which its future is decided",
            got=str(day),
            next_step=f"run `make down`, remove {home}, and run `make demo`, which founds it anew",
        )
    written = of_all_customers(company.world) | {name: company.truth.day(name, day) for name in TABLES_OF_A_DAY}
    changed = {name: changed_on(table, day) for name, table in written.items()}
    for index, database in enumerate(_databases(server)):
        database.change(changed)
        if progress:
            progress("databases", index + 1, len(DATABASES))
    HelpDeskData(home).write(changed)
    drops = Drops(home, company.world)
    drops.write(written, day, day + timedelta(days=1))
    drops.close()
    tomorrow = day + timedelta(days=1)
    Company(home=home, world=company.world, as_of_date=tomorrow).save()
    return tomorrow


def _databases(server: EmbeddedServer) -> list[Database]:
    return [Database(name, server.ensure_database(name)) for name in DATABASES]


def _deliver_twice(company: Company, drops: Drops) -> None:
    world = company.world
    if world.months < 3:
        return
    last = world.history_end - timedelta(days=1)
    month = (last.replace(day=1) - timedelta(days=1)).replace(day=1) - timedelta(days=1)
    again = drops.repeat("finance.payments", f"{month:%Y-%m}")
    when = np.full(1, np.datetime64(last.replace(day=1), "s"))
    faults = Defects.of("duplicate delivery", "finance.payments", pa.array([again.name]), when, np.ones(1, bool))
    company.truth.add_defect(99_999, faults.table)


def _name_connections(home: Path, databases: list[Database]) -> None:
    urls: dict[str, Any] = {f"demo_{name}": database.url for name, database in zip(DATABASES, databases, strict=True)}
    # The help desk names its own port when it is served; until then the address is one where nobody answers.
    urls["demo_help_desk"] = f"http://{help_desk_token(home)}@127.0.0.1:9"
    urls |= {f"demo_{name}": str((home / name).resolve()) for name in SYSTEMS}
    for name, url in urls.items():
        name_connection(home, name, url)
