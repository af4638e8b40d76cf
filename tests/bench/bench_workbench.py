"""Answers of the workbench's pages with many customers: 95th percentile for a manager and for who sees everybody.

    python tests/bench/bench_workbench.py [--customers 10000] [--rounds 60]

Measured in the process, from the request to the whole page, one at a time; the limit is 150 ms. The list as CSV, of ten
thousand cases, is printed and has none. Every fifth customer had an alert within the year before
(`--alerted 2`: every other one).

How it grows: what a person may see is looked up once a row of the tables that a page sorts, a few ten nanoseconds each.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import psycopg2
from alerting_warehouse import DAY, NOW, RUN
from answering import installation
from desk_company import Office, office

from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.migrate import migrate
from forewarn.warehouse.publish import publish

LIMIT_MS = 150
MANAGERS = 250
PAGES = {
    "ana": (
        *("/inbox", "/customers", "/customers?q=7", "/customers/a1", "/customers/a1/timeline", "/tasks"),
        *("/performance", "/saved", "/missed"),
    ),
    "lena": (
        *("/inbox", "/inbox?page=40", "/inbox.csv", "/customers", "/customers?q=1999", "/customers/m77"),
        *("/customers/m77/timeline", "/tasks?whose=everyone", "/team", "/performance", "/performance?by=rule"),
        *("/performance?by=manager", "/saved", "/saved?by=manager", "/missed", "/kpis", "/playbooks"),
    ),
    "ada": ("/rules", "/away", "/data", "/accounts"),
}
# As many more customers, shared out among the managers, one of whom is Ana; every fifth has an open case.
MORE = """
insert into marts.dim_customers (customer_id, name, owner_key, owner_name)
select 'm' || i, 'Company ' || i, 'crm|' || case when i % %(managers)s = 0 then 7 else 100 + i % %(managers)s end,
    'Manager ' || i % %(managers)s
from generate_series(1, %(count)s) as i;
insert into marts.customer_360 (customer_id, name, owner_key, owner_name, as_of_date, value_at_stake_year,
    churn_probability) select customer_id, name, owner_key, owner_name, %(day)s, 100 + length(customer_id), 0.4
from marts.dim_customers where customer_id like 'm%%';
insert into marts.churn_features (customer_id, as_of_date) select customer_id, %(day)s from marts.dim_customers
where customer_id like 'm%%';
insert into marts.customer_health (customer_id, as_of_date, orders_score, health_score, known_share)
select customer_id, %(day)s, 50, 50, 0.5 from marts.dim_customers where customer_id like 'm%%';
insert into ml.score (customer_id, as_of_date, definition, model_name, model_version, probability, threshold,
    rank_of_day, reasons, scored_at)
select customer_id, %(day)s, 'non_contractual', 'churn', '1', 0.4, 0.5, 1, '[]', %(now)s
from marts.dim_customers where customer_id like 'm%%';
create index on intermediate.int_customer_events (customer_id, day);
insert into intermediate.int_customer_events (event_key, customer_id, kind, entity, source, source_record_id, day,
    known_day, amount, detail, _version)
select i || '-' || n, 'm' || i, 'order', 'order', 'erp', i || '-' || n, %(day)s::date - n * 9, %(day)s::date - n * 9,
    100, 'shipped', 0
from generate_series(1, %(count)s) as i, generate_series(1, 20) as n;
insert into alerts."case" (customer_id, episode, state, level, route, routes, owner_name, owner_email, value_at_stake,
    expected_loss, reasons, next_step, opened_as_of, updated_as_of, opened_at, updated_at, due_on)
select 'm' || i, 1, 'open', 'low', 'account_manager', '{account_manager}', 'Manager ' || i % %(managers)s,
    'manager-' || i % %(managers)s || '@meridian.example', i, i, '[{"title": "Silent", "text": "No order"}]', 'call',
    %(day)s, %(day)s, %(now)s, %(now)s, %(day)s
from generate_series(1, %(count)s, 5) as i;
insert into marts.alert_outcomes (case_id, customer_id, episode, state, level, segment, manager, playbook, is_alert,
    opened_as_of, fired_as_of, is_treated, is_mature, churned, outcome, cost, value_at_stake)
select 1000000 + i, 'm' || i, 1, 'closed', 'high', 'retail', 'Manager ' || i % %(managers)s, 'spend', true,
    %(day)s::date - i % 365, %(day)s::date - i % 365, true, i % 365 > 90, case when i % 365 > 90 then i % 3 = 0 end,
    'saved', 40, 1000
from generate_series(1, %(count)s, %(alerted)s) as i;
insert into marts.alert_signals (case_id, customer_id, kind, name, version)
select case_id, customer_id, 'rule', case when case_id % 2 = 0 then 'spend_drop' else 'low_nps' end, '1'
from marts.alert_outcomes where case_id > 1000000;
insert into marts.churn_leavers (customer_id, definition, gone_on, was_foreseen, case_id)
select customer_id, 'non_contractual', fired_as_of + 20, case_id % 2 = 0, case when case_id % 2 = 0 then case_id end
from marts.alert_outcomes where case_id > 1000000 and churned;
analyze;
"""


def _percent(statement: str) -> str:
    """Double each `%` that begins no parameter."""
    return re.sub(r"%(?!\()", "%%", statement.replace("%%", "%"))


def p95(company: Office, person: str, address: str, rounds: int) -> float:
    """Return the 95th percentile of the time to a page, in ms."""
    browser, took = company.of(person), []
    for number in range(rounds + 3):
        began = time.perf_counter()
        assert browser.get(address).status_code == 200, address
        if number >= 3:
            took.append((time.perf_counter() - began) * 1000)
    return quantiles(took, n=20)[-1]


def main() -> None:
    """Fill a warehouse, ask for pages, and fail where one takes longer than its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000 if os.environ.get("SCALE") == "full" else 10_000)
    parser.add_argument("--alerted", type=int, default=5, help="one customer in so many had an alert within the year")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-"))
    server = EmbeddedServer(folder / "pg", durable=False)
    server.start()
    above = False
    try:
        url = server.ensure_database("workbench")
        migrate(url)
        owner = installation(url, folder)
        with office(owner, "bench_workbench") as company:
            values = {"count": given.customers, "managers": MANAGERS, "day": DAY, "now": NOW, "alerted": given.alerted}
            with psycopg2.connect(dsn(url)) as connection, connection.cursor() as cursor:
                cursor.execute(_percent(MORE), values)
            connection.close()
            publish(owner, as_of_date=DAY, run_id=RUN, live=True, now=NOW)
            company.marts.run("analyze")
            for person, pages in PAGES.items():
                for address in pages:
                    found = p95(company, person, address, given.rounds)
                    above = above or (found > LIMIT_MS and not address.endswith(".csv"))
                    print(f"{person:<5} {address:<22} p95 {found:6.1f} ms")
    finally:
        server.stop()
        shutil.rmtree(folder)
    if above:
        sys.exit(f"a page takes longer than {LIMIT_MS} ms")


if __name__ == "__main__":
    main()
