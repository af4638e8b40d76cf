"""Fifty rules over all customers beside their limit: one hand-written statement with the same conditions.

    python tests/bench/bench_rules.py [--customers 100000] [--rules 50] [--rounds 5] [--sizes]

Prints `name ratio (min median max) peak_mb` in CPU seconds of this process and the server over the limit's. The limit
reads the features once, and writes a row for each customer and rule that fires, with a sentence in one language.

- `rules_judge`: the compiled rules, from the features to the customers, the rules that fired and the values that they
  read, in this process. Exits with 1 above 1.5.
- `rules_night`: `evaluate_rules` as a night runs it: besides that a sentence in each language, the values as evidence,
  and every row that stayed the same left alone. `rules_again` is the same night once more. What they cost above the
  limit is some 40 millionths of a second a signal, nearly all of it words.

All run in turn, so that a noisy neighbour meets each.

How it grows: with customers × rules for the conditions, which the database judges in one pass, and with what fires for
the words. One customer in three has a signal here, as in the simulated company. `--sizes` shows three sizes.
`SCALE=full` takes a million.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

import cpu
from psycopg2 import sql
from psycopg2.extras import Json

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from alerting_warehouse import NOW, AlertingWarehouse, installed, simulated_project

from forewarn.alerts import evaluate_rules
from forewarn.alerts.metrics import declared
from forewarn.alerts.rule_query import fired_query
from forewarn.alerts.rules import stored_rule
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import connect
from forewarn.warehouse.migrate import migrate

PROJECT = Path(__file__).parents[2]
DAY = date(2026, 11, 16)
REACH = 1.5
# Signals on these look up the records behind them, which a statement by hand would not.
OF_WORDS = {
    "competitor_mentions_90d",
    "complaint_topics_90d",
    "discount_requests_90d",
    "discount_requests_prior_90d",
    "negative_posts_90d",
    "negative_texts_90d",
}


def fill(marts: AlertingWarehouse, customers: int) -> None:
    """Make one date of features, between 0 and 128, a fifth of them unknown."""
    names = list(declared().metrics)
    values = ", ".join(
        f"case when (n * {place + 7}) %% 5 > 0 then (hashint8(n * 128 + {place}) & 1023) / 8.0 end"
        for place in range(len(names))
    )
    marts.run("truncate marts.churn_features, marts.dim_customers, alerts.signal")
    marts.run(
        f"insert into marts.churn_features (customer_id, as_of_date, {', '.join(names)})"
        f" select md5(n::text), date '{DAY}', {values} from generate_series(1::bigint, %s) n",
        [customers],
    )
    marts.run("insert into marts.dim_customers (customer_id, name) select customer_id, '' from marts.churn_features")
    marts.run("vacuum analyze marts.churn_features; ")
    marts.run("vacuum analyze marts.dim_customers")


def rule(number: int) -> dict[str, object]:
    """Return a rule that compares two metrics with bounds and two with each other, as the ready ones do."""
    names = [name for name, unit in declared().metrics.items() if unit == "count" and name not in OF_WORDS]
    one, two, three, four = (names[(number * step) % len(names)] for step in (1, 3, 7, 11))
    return {
        "id": f"rule_{number}",
        "version": 1,
        "description": {"example": "", "reason": "", "remedy": ""},
        "when": f"{one} >= 112 and {two} <= 32 and ({three} <= 0.5 * {four} or {three} is null)",
        "level": "low",
        "route": "account_manager",
        "family": "spend",
        "title": {"en": "A rule", "zh_CN": "规则"},
        "reason": {"en": [f"{{{one}}} against {{{two}}}."], "zh_CN": [f"{{{one}}} 对 {{{two}}}。"]},
    }


def keep(marts: AlertingWarehouse, rules: list[dict[str, object]]) -> None:
    """Put rules into the ledger as live ones."""
    marts.run("truncate alerts.rule_version cascade")
    for content in rules:
        marts.run(
            "insert into alerts.rule_version (rule_id, version, content, digest, state, created_at)"
            " values (%s, 1, %s, %s, 'live', now())",
            [content["id"], Json(content), stored_rule(content).digest],
        )


def by_hand(rules: list[dict[str, object]]) -> str:
    """Return the statement that somebody would write who knew the rules by heart."""
    conditions = [str(content["when"]) for content in rules]
    fired = ", ".join(f"case when {condition} then {place} end" for place, condition in enumerate(conditions, 1))
    said = ", ".join(
        "format('%%s against %%s.', {}, {})".format(*str(content["reason"]["en"][0]).strip(".").split(" against "))  # type: ignore[index]
        for content in rules
    ).translate(str.maketrans("", "", "{}"))
    names = ", ".join(f"'{content['id']}'" for content in rules)
    return f"""
        insert into limit_signal
        select f.customer_id, f.as_of_date, 'rule', (array[{names}])[place], '1', 'low', 'account_manager',
            (array[{said}])[place], jsonb_build_object('family', 'spend'), now()
        from marts.churn_features as f
        cross join lateral unnest(array_remove(array[{fired}], null)) as place
        where f.as_of_date = '{DAY}' and ({" or ".join(f"({condition})" for condition in conditions)})
        """


def measure(
    settings: Settings, project: Project, marts: AlertingWarehouse, data: Path, customers: int, rules: int, rounds: int
) -> float:
    """Print ratio and seconds for a number of customers; return the median ratio of judging."""
    fill(marts, customers)
    contents = [rule(number) for number in range(rules)]
    keep(marts, contents)
    statement = sql.SQL(by_hand(contents))
    marts.run(
        "drop table if exists limit_signal; create table limit_signal (customer_id text, as_of_date date, kind text,"
        " name text, version text, level text, route text, reason text, evidence jsonb, observed_at timestamptz,"
        " primary key (as_of_date, customer_id, kind, name))"
    )
    judges = [stored_rule(content) for content in contents]
    limits: list[float] = []
    spent: dict[str, list[float]] = {"judge": [], "night": [], "again": []}
    clocks: dict[str, list[float]] = {"judge": [], "night": [], "again": []}

    def judge() -> None:
        with connect(settings.warehouse_url) as connection, connection.cursor(name="fired") as cursor:
            cursor.itersize = 5_000
            cursor.execute(fired_query(judges, declared()), {"as_of_date": DAY})
            assert sum(len(row[1]) for row in cursor) > 0

    def night() -> None:
        evaluate_rules(settings, project, as_of_date=DAY, now=NOW)

    for _ in range(rounds):
        marts.run("truncate limit_signal, alerts.signal")
        limits.append(cpu.measure(data, lambda: marts.run(statement, []))[1])
        for name, action in (("judge", judge), ("night", night), ("again", night)):
            clock, seconds = cpu.measure(data, action)
            clocks[name].append(clock)
            spent[name].append(seconds)
    found = marts.rows("select (select count(*) from alerts.signal), (select count(*) from limit_signal)")
    assert found[0][0] == found[0][1] > 0, found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, spent_by in spent.items():
        ratios = sorted(ours / limit for ours, limit in zip(spent_by, limits, strict=True))
        print(
            f"rules_{name}_{customers} {median(ratios):.2f} ({ratios[0]:.2f} {median(ratios):.2f} {ratios[-1]:.2f})"
            f" {peak:.0f} MB; {median(spent_by):.1f} s of the processor, by hand {median(limits):.1f} s,"
            f" {found[0][0]:,} signals, {median(clocks[name]):.1f} s of the clock",
            flush=True,
        )
    return median(ours / limit for ours, limit in zip(spent["judge"], limits, strict=True))


def main() -> int:
    """Measure on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000 if os.environ.get("SCALE") == "full" else 100_000)
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", action="store_true", help="three sizes, each four times the one before")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fw-bench-"))
    server = EmbeddedServer(folder / "pg")
    server.start()
    try:
        warehouse = server.ensure_database("bench")
        migrate(warehouse)
        settings = Settings(PROJECT, PROJECT / "config", folder / "home", warehouse, "")
        marts = installed(settings)
        project = simulated_project(settings.config)
        many = arguments.customers
        ratios = [
            measure(settings, project, marts, server.folder, customers, arguments.rules, arguments.rounds)
            for customers in ([many // 4, many, many * 4] if arguments.sizes else [many])
        ]
        marts.connection.close()
    finally:
        server.stop()
        shutil.rmtree(folder)
    return int(max(ratios) > REACH)


if __name__ == "__main__":
    raise SystemExit(main())
