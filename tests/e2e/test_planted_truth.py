"""The whole chain on the simulated company, held against the truth that no source shows: what happened afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import chain
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from churn_model.champion import load_champion
from churn_model.drivers import find_drivers
from churn_model.explain import FAMILIES, Explainer
from churn_model.features import NAMES
from churn_model.registry import EXPERIMENT, find_champion, open_store
from churn_model.segments import find_segments
from churn_model.suggestions import find_suggestions
from forewarn import stages
from forewarn.cli import app
from forewarn.cli.identity_report import compare, measure
from forewarn.cli.insight import streams_of
from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.demo.company import seed
from forewarn.demo.help_desk import serve
from forewarn.demo.oracle import as_seen, foresee
from forewarn.demo.truth import Truth
from forewarn.sources import canonical_mappings, load_sources
from forewarn.warehouse.engine import connect
from forewarn.warehouse.records import records_behind

LAST_DAY = date(2026, 6, 30)
AS_OF = LAST_DAY + timedelta(days=1)


@pytest.fixture(scope="module")
def installation() -> Iterator[Settings]:
    """2,000 customers, 24 months, scored as of the day after."""
    with chain.installation(chain.PROJECT / "config") as (settings, server):
        seed(settings.home, server, last_day=LAST_DAY)
        run = stages.Run(AS_OF, "truth", datetime.now(UTC))
        with serve(settings.home):
            chain.land(settings, run)
        stages.build(settings, run)
        stages.train_if_missing(settings, run)
        stages.score(settings, run)
        yield settings


@pytest.mark.timeout(900)
@pytest.mark.capability("B15", "C28")
def test_the_riskiest_tenth_leaves_three_times_as_often_as_all(installation: Settings) -> None:
    accounts, probability = _scores(installation)
    silent = ~np.isin(accounts, _buyers_afterwards(installation))
    tenth = np.argsort(-probability, kind="stable")[: len(accounts) // 10]
    base_rate, hit_rate = silent.mean(), silent[tenth].mean()
    print(
        f"eligible {len(accounts)}, base rate {base_rate:.3f}, hit rate {hit_rate:.3f}, lift {hit_rate / base_rate:.2f}"
    )
    assert 0.04 < base_rate < 0.2
    assert hit_rate >= 3 * base_rate


@pytest.mark.timeout(900)
@pytest.mark.capability("B15", "C28")
def test_the_model_ranks_as_well_as_the_true_hazards_would_and_never_better_than_who_knows_all(
    installation: Settings,
) -> None:
    truth, orders = Truth(installation.home), _purchases(installation)
    rows = []
    for day, auc in _out_of_time(installation).items():
        as_of = np.datetime64(day, "s")
        known = truth.read("customers")
        observers = (known, as_seen(known, **orders, as_of=as_of))
        seen = [foresee(one, truth.read("hazards"), **orders, as_of=as_of) for one in observers]
        rows.append([auc, *(roc_auc_score(one.silent, one.probability) for one in seen)])
    ours, everything, hazards = np.mean(rows, axis=0)
    print(f"{len(rows)} cut-offs: model {ours:.3f}, true hazards {hazards:.3f}, and the true rhythm {everything:.3f}")
    assert len(rows) >= 5
    assert hazards - 0.02 <= ours < everything


@pytest.mark.timeout(900)
@pytest.mark.capability("B15")
def test_no_customer_who_is_still_buying_every_week_is_called_lost(installation: Settings) -> None:
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select max(s.probability) from ml.score as s"
            " join marts.churn_features as f using (customer_id, as_of_date)"
            " where f.orders_30d >= 4 and f.order_gap_ratio < 1 and f.revenue_trend_90d > 1"
        )
        [highest] = cursor.fetchone() or [None]
    assert highest is not None
    assert highest < 0.5


@pytest.mark.timeout(900)
@pytest.mark.capability("B15", "C6", "C18", "C19")
def test_who_leaves_for_the_price_named_a_competitor_before_and_who_leaves_for_the_service_wrote_worse(
    installation: Settings,
) -> None:
    rivals = {cause: _mean(installation, cause, "competitor_mentions_90d") for cause in ("price", None)}
    feeling = {cause: _mean(installation, cause, "text_sentiment_90d") for cause in ("service", None)}
    negative = {cause: _mean(installation, cause, "negative_texts_90d") for cause in ("service", None)}
    change = {cause: _mean(installation, cause, "text_sentiment_change") for cause in ("service", None)}
    print(f"competitors {rivals}, sentiment {feeling}, its change {change}, negative texts {negative}")
    assert rivals["price"] >= 4 * rivals[None]
    assert negative["service"] >= 2 * negative[None]
    assert feeling["service"] <= feeling[None] - 0.15
    assert change["service"] <= change[None] - 0.1


def _mean(settings: Settings, cause: str | None, feature: str) -> float:
    """Return the mean of a feature over those who leave for a cause within 60 days of its date, or do not leave."""
    customers = Truth(settings.home).read("customers").select(["account_no", "churned_on", "cause"]).to_pylist()
    fate = {row["account_no"]: (row["churned_on"], row["cause"]) for row in customers}
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"select x.account_id, f.as_of_date, f.{feature} from marts.churn_features as f"
            " join marts.customer_crosswalk as x using (customer_id) join marts.churn_labels as l"
            " using (customer_id, as_of_date) where x.source = 'crm' and x.account_id like 'C%'"
            " and l.definition = 'non_contractual'"
            f" and l.eligible and f.{feature} is not null"
        )
        rows = cursor.fetchall()
    found = []
    for account, day, value in rows:
        left, why = fate[account]
        leaves = left is not None and left <= day + timedelta(days=60)
        if (left is None or left > day) and (why if leaves else None) == cause:
            found.append(value)
    assert len(found) >= 20, (cause, feature)
    return float(np.mean(found))


@pytest.mark.timeout(900)
@pytest.mark.capability("C24", "B15")
def test_the_planted_causes_are_the_drivers_of_the_company_and_of_those_who_leave_for_them(
    installation: Settings,
) -> None:
    found = find_drivers(
        installation, load_project(installation.config), as_of_date=AS_OF, run_id="truth", now=datetime.now(UTC)
    )
    losses = {one.family: one.auc_loss for one in found.families}
    print(losses)
    # Silence, less use, unpaid invoices and discontent are planted; that a contract runs has no part in the hazard.
    assert all(losses[family][1] > 0 for family in ("rhythm", "usage", "finance", "voice"))
    assert losses["contract"][1] <= 0
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select family, auc_loss, auc_loss_low, auc_loss_high from ml.driver")
        assert {row[0]: row[1:] for row in cursor.fetchall()} == losses
    pulls = _pulls_by_cause(installation)
    for cause, families in OF_CAUSE.items():
        print(cause, {family: (round(pulls[cause][family], 3), round(pulls[None][family], 3)) for family in families})
        assert sum(pulls[cause][family] - pulls[None][family] for family in families) > 0.03, cause
    for cause, family in (("service", "service"), ("usage", "usage"), ("payment", "finance")):
        assert pulls[cause][family] > 3 * max(pulls[other][family] for other in OF_CAUSE if other != cause)


# Families that show a cause.
OF_CAUSE = {
    "service": ("service", "voice"),
    "price": ("spend", "voice"),
    "usage": ("usage",),
    "payment": ("finance",),
    "drift": ("rhythm",),
}


def _pulls_by_cause(settings: Settings) -> dict[str | None, dict[str, float]]:
    """Return cause → family → mean contribution, over those who leave for it within 60 days; None: those who stay."""
    explainer = Explainer(load_champion(settings, load_project(settings.config)).model, currency="")
    customers = Truth(settings.home).read("customers").select(["account_no", "churned_on", "cause"]).to_pylist()
    fate = {row["account_no"]: (row["churned_on"], row["cause"]) for row in customers}
    columns = ", ".join(f"f.{name}" for name in NAMES)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"select min(x.account_id), f.as_of_date, {columns} from marts.churn_features as f"
            " join marts.customer_crosswalk as x using (customer_id)"
            " join marts.churn_labels as l using (customer_id, as_of_date)"
            " where x.source = 'crm' and x.account_id like 'C%' and l.definition = 'non_contractual' and l.eligible"
            f" group by f.customer_id, f.as_of_date, {columns}"
        )
        rows = cursor.fetchall()
    families = explainer.families(explainer.contributions(np.array([row[2:] for row in rows], dtype=float)))
    by_cause: dict[str | None, list[np.ndarray]] = {}
    for (account, day, *_), weights in zip(rows, families, strict=True):
        left, why = fate[account]
        if left is None or left > day:
            by_cause.setdefault(why if left and left <= day + timedelta(days=60) else None, []).append(weights)
    return {cause: dict(zip(FAMILIES, np.mean(found, axis=0), strict=True)) for cause, found in by_cause.items()}


@pytest.mark.timeout(900)
@pytest.mark.capability("B4", "C24", "B15")
def test_every_reason_of_the_riskiest_customers_leads_to_source_records(installation: Settings) -> None:
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select customer_id, reasons from ml.score where reasons <> '[]' order by rank_of_day limit 100")
        said = {customer: [reason["feature"] for reason in reasons] for customer, reasons in cursor.fetchall()}
        asked = sorted({feature for features in said.values() for feature in features})
        found = records_behind(cursor, asked, list(said), AS_OF)
        behind = [found[(customer, feature)] for customer, features in said.items() for feature in features]
        records = {(record.entity, record.source) for one in behind for record in one.records}
    assert len(behind) > 150
    # A customer who never had a contract or a contact has no record of it: that is what the reason says.
    assert sum(bool(one.records) for one in behind) >= 0.95 * len(behind)
    assert {"order", "invoice", "usage_event"} <= {entity for entity, _ in records}
    streams = streams_of(canonical_mappings(load_sources(load_project(installation.config))))
    assert records <= set(streams)


@pytest.mark.timeout(900)
@pytest.mark.capability("B4", "C24")
def test_the_command_takes_a_score_apart(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREWARN_HOME", str(installation.home))
    monkeypatch.setenv("FOREWARN_CONFIG", str(installation.config))
    monkeypatch.setenv("FOREWARN_WAREHOUSE_URL", installation.warehouse_url)
    monkeypatch.setenv("FOREWARN_MLFLOW_URL", installation.mlflow_url)
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select source || ':' || account_id, reasons, probability from ml.score"
            " join marts.customer_crosswalk using (customer_id) where rank_of_day = 1 limit 1"
        )
        account, reasons, probability = cursor.fetchone() or ("", [], 0)
    result = CliRunner().invoke(app, ["model", "explain", account], catch_exceptions=False)
    assert result.exit_code == 0
    assert f"risk {probability:.1%}" in result.output
    assert "were built again" not in result.output
    for reason in reasons:
        assert f"{reason['contribution']:+.2f} {reason['family']}: {reason['text']}" in result.output
    assert "order erp.orders" in result.output
    missing = CliRunner().invoke(app, ["model", "explain", "crm:nobody"])
    assert missing.exit_code == 1


@pytest.mark.timeout(900)
@pytest.mark.capability("C25")
def test_what_is_suggested_is_bought_oftener_than_what_is_popular_and_says_why(installation: Settings) -> None:
    this = {"as_of_date": AS_OF, "run_id": "truth", "now": datetime.now(UTC)}
    dry = find_suggestions(installation, **this, keep=False)
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from ml.suggestion")
        assert cursor.fetchone() == (0,)
    found = find_suggestions(installation, **this)
    print(found)
    assert found == dry
    assert found.hit_rate is not None
    assert found.popular_hit_rate is not None
    assert found.hit_rate > max(3 * found.popular_hit_rate, 0.03)
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), count(distinct customer_id), max(place), min(lift), count(had.product_id)"
            " from ml.suggestion left join (select distinct customer_id, product_source, product_id"
            " from intermediate.int_order_items where cancelled_day is null and day < %(day)s and known_day < %(day)s"
            " and day >= %(day)s - 365) as had using (customer_id, product_source, product_id)",
            {"day": AS_OF},
        )
        suggested, customers, places, lift, had = cursor.fetchone() or (0,) * 5
        cursor.execute(
            "select count(*), count(orders.order_id) from (select customer_id, jsonb_array_elements(because) as one"
            " from ml.suggestion) as told left join (select customer_id, source, source_record_id as order_id"
            " from intermediate.int_customer_events where kind = 'order') as orders"
            " on orders.customer_id = told.customer_id and orders.source = one->>'source'"
            " and orders.order_id = one->>'order_id'"
        )
        named, orders = cursor.fetchone() or (0, 0)
    assert (suggested, customers) == (found.suggestions, found.customers)
    assert customers > 1_000
    assert (places, had) == (3, 0)
    assert lift >= 1.2
    assert named == orders >= suggested


@pytest.mark.timeout(900)
@pytest.mark.capability("C26")
def test_segments_keep_their_names_and_everything_learned_is_in_mlflow(installation: Settings) -> None:
    dates = load_project(installation.config).churn.training_dates(AS_OF)
    dry = find_segments(installation, as_of_date=dates[0], run_id="truth", now=datetime.now(UTC), keep=False)
    assert dry.profiles
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select (select count(*) from ml.segment), (select count(*) from ml.segment_profile)")
        assert cursor.fetchone() == (0, 0), "a dry run keeps nothing"
    for day in (dates[0], AS_OF):
        found = find_segments(installation, as_of_date=day, run_id="truth", now=datetime.now(UTC))
    print(found)
    assert found.kept == len(found.profiles) >= 3
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), count(s.segment) from ml.score as e left join ml.segment as s"
            " using (customer_id, as_of_date) where as_of_date = %s",
            [AS_OF],
        )
        scored, grouped = cursor.fetchone() or (0, 1)
        cursor.execute(
            "select avg((now.segment = before.segment)::int) from ml.segment as now join ml.segment as before"
            " using (customer_id) where now.as_of_date = %s and before.as_of_date = %s",
            [AS_OF, dates[0]],
        )
        (same,) = cursor.fetchone() or (0,)
    assert scored == grouped > 1_000
    assert same > 0.85, "four weeks change what few customers do"
    client = open_store(installation)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    kinds = {
        run.data.tags.get("forewarn.kind", "training")
        for run in client.search_runs([experiment.experiment_id], max_results=100)
    }
    assert kinds == {"training", "drivers", "segments", "suggestions"}


@pytest.mark.timeout(900)
@pytest.mark.capability("C2", "B15")
def test_customers_that_a_system_has_twice_are_found_and_look_alikes_kept_apart(installation: Settings) -> None:
    for line in measure(installation):
        print(line)
    found = compare(installation)
    assert found["twins"].true > 300
    assert found["twins"].precision >= 0.99
    assert found["twins"].recall >= 0.97
    assert found["look-alikes"].precision >= 0.99
    assert found["all accounts"].precision >= 0.99
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from marts.customer_crosswalk where matched_by = 'likeness' and link_probability >= 0.95"
        )
        assert (cursor.fetchone() or [0])[0] > 100, "numbers and statements alone find none of them"


@pytest.mark.timeout(900)
@pytest.mark.capability("C2")
def test_what_was_booked_on_a_twin_is_the_customers_history(installation: Settings) -> None:
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), count(*) filter (where known.customer_id is not null)"
            " from intermediate.int_customer_events as e"
            " join staging.stg_orders as o on o.source = e.source and o.order_id = e.source_record_id"
            " left join marts.customer_crosswalk as known on known.source = 'erp' and known.customer_id = e.customer_id"
            " and cast(known.account_id as bigint) = cast(o.account_id as bigint) - 50000000"
            " where e.kind = 'order' and cast(o.account_id as bigint) > 50000000"
        )
        booked, united = cursor.fetchone() or (0, 0)
    assert booked > 100
    assert united >= 0.97 * booked


@pytest.mark.timeout(900)
@pytest.mark.capability("C3")
def test_leads_are_one_per_customer_with_the_first_and_the_last_channel(installation: Settings) -> None:
    with connect(installation.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), sum(lead_count), count(customer_id), count(distinct customer_id),"
            " count(*) filter (where first_channel <> last_channel), (select count(*) from staging.stg_leads)"
            " from marts.leads"
        )
        leads, told, converted, customers, moved, rows = cursor.fetchone() or (0,) * 6
    assert told == rows > leads > 0
    assert converted == customers
    assert moved > 50


def _scores(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return CRM account numbers and probabilities of every scored customer."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select min(x.account_id), s.probability from ml.score as s"
            " join marts.customer_crosswalk as x using (customer_id)"
            " where x.source = 'crm' and s.as_of_date = %s group by s.customer_id, s.probability",
            [AS_OF],
        )
        rows = cursor.fetchall()
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def _out_of_time(settings: Settings) -> dict[date, float]:
    """Return the champion's AUC on each test cut-off of its training."""
    client, project = open_store(settings), load_project(settings.config)
    champion = find_champion(client, project.churn)
    assert champion is not None
    days = json.loads(Path(client.download_artifacts(champion.run_id, "cutoffs.json")).read_text(encoding="utf-8"))
    history = client.get_metric_history(champion.run_id, "by_cutoff.auc")
    return {date.fromisoformat(days[str(one.step)]): one.value for one in history}


def _purchases(settings: Settings) -> dict[str, np.ndarray]:
    """Return the true number of the buyer and the moment of every purchase that the warehouse knows."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select min(x.account_id), o.ordered_at at time zone 'UTC' from intermediate.int_orders as o"
            " join marts.customer_crosswalk as x using (customer_id) where x.source = 'crm' and o.is_purchase"
            " group by o.order_key, o.ordered_at"
        )
        found = cursor.fetchall()
    accounts = Truth(settings.home).read("accounts").to_pylist()
    number = {row["account_id"]: row["customer"] for row in accounts if row["source"] == "crm"}
    return {
        "buyer": np.array([number[account] for account, _ in found]),
        "bought": np.array([moment for _, moment in found], dtype="datetime64[s]"),
    }


def _buyers_afterwards(settings: Settings) -> np.ndarray:
    """Return CRM account numbers of everybody who buys within the horizon, from the truth."""
    horizon = timedelta(days=load_project(settings.config).churn.horizon_days)
    truth = Truth(settings.home)
    orders = pa.dataset.dataset(truth.folder / "future" / "erp.orders").to_table()
    start = pa.scalar(datetime.combine(AS_OF, datetime.min.time(), UTC))
    end = pa.scalar(start.as_py() + horizon)
    placed = orders.column("placed_at")
    within = orders.filter(pc.and_(pc.greater_equal(placed, start), pc.less(placed, end)))
    accounts = truth.read("accounts")
    buyers = accounts.filter(pc.is_in(accounts.column("account_id"), value_set=within.column("customer_no")))
    customers = truth.read("customers")
    bought = pc.is_in(customers.column("customer"), value_set=buyers.column("customer"))
    return customers.filter(bought).column("account_no").to_numpy()
