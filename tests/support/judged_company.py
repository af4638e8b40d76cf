"""The simulated company on its second day, built, scored and clean: to be spoiled by one thing at a time.

It is made once a module. Each test works on a copy of the whole database, so that nothing needs to be put back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

import chain
import psycopg2

from forewarn import stages
from forewarn.config.settings import Settings
from forewarn.demo.company import advance, seed
from forewarn.demo.help_desk import serve
from forewarn.errors import GateFailed
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn

CUSTOMERS, MONTHS = 1_200, 8
# As a model would leave them: one score for each eligible customer, a tenth of them at or above the threshold.
SCORES = """
insert into ml.score (customer_id, as_of_date, definition, model_name, model_version, probability, threshold,
    rank_of_day, reasons, scored_at)
select customer_id, as_of_date, definition, 'churn', '1', 0.9 - 0.8 * place / total, 0.82,
    place, '[{"text": "x"}]', now()
from (
    select labels.*, row_number() over (order by customer_id) as place, count(*) over () as total
    from marts.churn_labels as labels where as_of_date = %s and definition = 'non_contractual' and eligible
) as eligible
"""
# Eight working days before the first landing, as the ledger would have them had the company been there.
NIGHTS_BEFORE = """
insert into ops.batch (batch_id, source, stream, run_id, started_at, finished_at, status, rows_in, rows_loaded)
overriding system value
select -1000 * night - batch_id, source, stream, 'night ' || night, at, at, 'landed', usual, usual
from ops.batch
cross join generate_series(1, 9) as night
cross join lateral (select started_at - night * interval '1 day' as at, rows_loaded + night %% 3 as usual) as before
where run_id = %s and extract(isodow from at) <= 5
"""


@dataclass(frozen=True)
class Found:
    """What did not hold: under which table and name, how grave, whose affair, and what was seen."""

    table: str
    name: str
    severity: str
    owner: str
    observed: str


class Judged:
    """One installation with one day, whose gates can be asked."""

    def __init__(self, settings: Settings, server: EmbeddedServer, run: stages.Run) -> None:
        self.settings, self.server, self.run = settings, server, run
        self._numbers = itertools.count()

    @contextmanager
    def copy(self) -> Iterator[Judged]:
        """Give the same day in a database of its own."""
        name = f"copy_{next(self._numbers)}"
        url = self.server.ensure_database(name, template="forewarn")
        yield Judged(replace(self.settings, warehouse_url=url), self.server, self.run)
        self.server.drop_database(name)

    def execute(self, statement: str, *parameters: Any) -> int:
        """Run a statement and return how many rows it touched."""
        with _connected(self.settings.warehouse_url) as cursor:
            cursor.execute(statement, parameters or None)
            return int(cursor.rowcount)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        with _connected(self.settings.warehouse_url) as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    def gate(self, name: str) -> list[Found]:
        """Run a gate, whether it stops the day or not, and return what did not hold."""
        with suppress(GateFailed):
            stages.gate(self.settings, self.run, gate=name)
        return [
            Found(*row)
            for row in self.rows(
                "select table_name, expectation, severity, owner, observed from ops.gate_result"
                " where gate = %s and run_id = %s and not passed order by 1, 2",
                name,
                self.run.run_id,
            )
        ]


@contextmanager
def judged_company() -> Iterator[Judged]:
    """Found the company, land its past and one more day, build that day and score it."""
    with chain.installation(chain.PROJECT / "config") as (settings, server):
        first = seed(settings.home, server, customers=CUSTOMERS, months=MONTHS, seed=11).as_of_date
        past = stages.Run(first, "past", _five_o_clock(first))
        with serve(settings.home):
            chain.land(settings, past)
            stages.check_sources(settings, past)
            stages.gate(settings, past, gate="raw")
            day = advance(settings.home, server)
            run = stages.Run(day, "today", _five_o_clock(day))
            chain.land(settings, run)
        stages.check_sources(settings, run)
        stages.build(settings, run)
        judged = Judged(settings, server, run)
        judged.execute(NIGHTS_BEFORE, run.run_id)
        judged.execute(SCORES, day)
        yield judged


def _five_o_clock(day: date) -> datetime:
    return datetime.combine(day, time(5), UTC)


@contextmanager
def _connected(url: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
