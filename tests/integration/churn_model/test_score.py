"""Scoring: what is written, and what is refused before anything is written."""

from __future__ import annotations

import itertools
import os
import pickle
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from planted_base import contact

import churn_model
from churn_model.champion import load_champion
from churn_model.drivers import find_drivers
from churn_model.explain import Explainer
from churn_model.features import NAMES
from churn_model.registry import EXPERIMENT, open_store, sha256_of
from forewarn.errors import ModelRejected

_numbers = itertools.count()


@pytest.fixture
def warehouse_url(postgres, trained):
    """A copy of the planted base."""
    return postgres.ensure_database(f"scored_{next(_numbers)}", template="trained_base")


@pytest.fixture
def settings(trained, warehouse_url):
    """The installation that holds the champion, on a warehouse of the test's own."""
    return replace(trained.settings, warehouse_url=warehouse_url)


@pytest.fixture
def scores(warehouse):
    """The scores as they stand, by rank."""

    def read() -> list[tuple[object, ...]]:
        cursor = warehouse.cursor()
        cursor.execute(
            "select customer_id, as_of_date, definition, model_name, model_version, probability, threshold,"
            " rank_of_day, reasons, scored_at from ml.score order by rank_of_day"
        )
        return cursor.fetchall()

    return read


def _score(settings, project, as_of_date, now, run_id="run-1"):
    return churn_model.score(settings, project, as_of_date=as_of_date, run_id=run_id, now=now)


def test_eligible_customers_are_scored_and_ranked(settings, project, champion, scores, as_of_date, now):
    assert _score(settings, project, as_of_date, now) == 270
    rows = scores()
    assert [row[7] for row in rows] == list(range(1, 271))
    probabilities = [row[5] for row in rows]
    assert probabilities == sorted(probabilities, reverse=True)
    assert not {row[0] for row in rows} & {f"c{n:05}" for n in range(9, 300, 10)}, "customers who are not eligible"
    assert {row[1:5] for row in rows} == {(as_of_date, "non_contractual", "churn_non_contractual", "1")}
    assert {row[6] for row in rows} == {champion.threshold}
    assert {row[9] for row in rows} == {now}


@pytest.mark.capability("B3")
def test_scoring_the_same_date_again_gives_identical_rows(settings, project, champion, scores, as_of_date, now):
    _score(settings, project, as_of_date, now)
    first = scores()
    _score(settings, project, as_of_date, now, run_id="run-2")
    assert scores() == first


def test_a_customer_who_is_no_longer_eligible_loses_the_score(
    settings, project, champion, scores, warehouse, as_of_date, now
):
    _score(settings, project, as_of_date, now)
    gone = scores()[0][0]
    warehouse.cursor().execute("update marts.churn_labels set eligible = false where customer_id = %s", [gone])
    assert _score(settings, project, as_of_date, now) == 269
    assert gone not in [row[0] for row in scores()]


def test_the_top_fifth_and_all_above_the_threshold_have_reasons(settings, project, champion, scores, as_of_date, now):
    _score(settings, project, as_of_date, now)
    rows = scores()
    top = max(54, sum(row[5] >= champion.threshold for row in rows))
    assert all(row[8] == [] for row in rows[top:])
    spoken = [row for row in rows[:top] if row[8]]
    assert len(spoken) >= 0.9 * top
    for row in spoken:
        assert {"family", "feature", "text", "value", "baseline", "contribution"} == set(row[8][0])
        assert len(row[8]) <= 3


@pytest.mark.capability("B6")
def test_a_score_tells_what_late_features_add_to_it(settings, project, champion, warehouse, as_of_date, now):
    cursor = warehouse.cursor()
    late = ["days_since_last_order", "order_gap_ratio", "revenue_90d"]
    read = "select customer_id, unknown_contribution from ml.score where reasons <> '[]' order by customer_id"
    _score(settings, project, as_of_date, now)
    cursor.execute(read)
    assert {added for _, added in cursor.fetchall()} == {None}

    cursor.execute(
        "insert into ops.late_stream (as_of_date, source, stream, since, features, judged_at)"
        " values (%s, 'erp', 'orders', now(), %s, now())",
        [as_of_date, late],
    )
    # They keep their values here: for an unknown one this linear champion takes the typical customer's, which adds 0.
    _score(settings, project, as_of_date, now)
    cursor.execute(read)
    found = dict(cursor.fetchall())
    assert len(found) >= 27
    cursor.execute(
        f"select {', '.join(NAMES)} from marts.churn_features where as_of_date = %s and customer_id = any(%s)"
        " order by customer_id",
        [as_of_date, list(found)],
    )
    features = np.array(cursor.fetchall(), dtype=float)
    contributions = Explainer(load_champion(settings, project).model, currency="EUR").contributions(features)
    expected = contributions[:, [NAMES.index(name) for name in late]].sum(axis=1)
    assert np.abs(expected).max() > 0.01, "the model minds"
    assert np.allclose([found[customer] for customer in sorted(found)], expected)


@pytest.mark.capability("C24")
def test_reasons_tell_the_planted_cause_with_the_customers_own_numbers(
    settings, project, champion, scores, warehouse, as_of_date, now
):
    _score(settings, project, as_of_date, now)
    cursor = warehouse.cursor()
    said: dict[str, int] = {}
    for row in scores()[:27]:
        cursor.execute(
            "select days_since_last_order, order_gap_days, revenue_90d, revenue_prior_90d, days_overdue_max"
            " from marts.churn_features where customer_id = %s and as_of_date = %s",
            [row[0], as_of_date],
        )
        silent, gap, now_90, before_90, overdue = cursor.fetchone()
        truth = {
            "rhythm": f"No order for {silent:.0f} days; usually every {gap:.0f}",
            "spend": f"Spend down {round(100 * (1 - now_90 / before_90))}% against the 90 days before",
            "finance": f"Invoice overdue by {overdue or 0:.0f} day" + ("" if overdue == 1 else "s"),
        }
        for reason in row[8]:
            if reason["text"] == truth.get(reason["family"]):
                said[reason["family"]] = said.get(reason["family"], 0) + 1
        first = row[8][0]["family"]
        assert first in truth, f"{row[0]} is said to leave because of {first}, which has no part in the planted hazard"
    assert said["rhythm"] >= 10
    assert {"spend", "finance"} <= set(said)


def test_customer_numbers_of_any_form_survive(settings, project, champion, scores, warehouse, as_of_date, now):
    odd = "客户\\t\t\"'7"
    cursor = warehouse.cursor()
    for table in ("churn_features", "churn_labels"):
        cursor.execute(f"update marts.{table} set customer_id = %s where customer_id = 'c00000'", [odd])
    _score(settings, project, as_of_date, now)
    assert odd in [row[0] for row in scores()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("drop column disputes_180d", "missing disputes_180d,? ?"),
        ("rename column revenue_90d to revenue_last_90d", r"missing revenue_90d \(renamed to revenue_last_90d\?\)"),
        ("alter column open_tickets type text", r"not numeric open_tickets \(text\)"),
    ],
)
def test_features_that_changed_are_named_before_anything_is_written(
    settings, project, champion, scores, warehouse, as_of_date, now, change, message
):
    _score(settings, project, as_of_date, now)
    before = scores()
    warehouse.cursor().execute(f"alter table marts.churn_features {change}")
    with pytest.raises(ModelRejected, match=f"got {message}"):
        _score(settings, project, as_of_date, now, run_id="run-2")
    assert scores() == before


def test_reordered_columns_change_nothing(settings, project, champion, scores, warehouse, as_of_date, now):
    _score(settings, project, as_of_date, now)
    before = scores()
    cursor = warehouse.cursor()
    cursor.execute("alter table marts.churn_features rename column tenure_days to old")
    cursor.execute("alter table marts.churn_features add column tenure_days double precision")
    cursor.execute("update marts.churn_features set tenure_days = old")
    _score(settings, project, as_of_date, now)
    assert scores() == before


def test_constant_scores_are_refused(settings, project, champion, scores, warehouse, as_of_date, now):
    _score(settings, project, as_of_date, now)
    before = scores()
    cursor = warehouse.cursor()
    cursor.execute(
        "select string_agg(format('%I = null', column_name), ', ') from information_schema.columns"
        " where table_schema = 'marts' and table_name = 'churn_features' and data_type = 'double precision'"
    )
    cursor.execute(f"update marts.churn_features set {cursor.fetchone()[0]} where as_of_date = %s", [as_of_date])
    with pytest.raises(ModelRejected, match=r"scores that differ between customers, got 0\.\d+ for all 270"):
        _score(settings, project, as_of_date, now, run_id="run-2")
    assert scores() == before


@pytest.mark.capability("B6")
def test_35_drift_holds_the_scores_and_stays_on_record(settings, project, champion, scores, warehouse, as_of_date, now):
    _score(settings, project, as_of_date, now)
    before, cursor = scores(), warehouse.cursor()
    cursor.execute("select count(*), count(distinct feature) from ml.reference where model_version = '1'")
    assert cursor.fetchone() == (len(NAMES) + 1, len(NAMES) + 1)
    cursor.execute("select count(*) from ml.watch where verdict = 'hold'")
    assert cursor.fetchone() == (0,)
    # Somebody changed days to hours.
    cursor.execute(
        "update marts.churn_features set days_since_last_order = 24 * days_since_last_order,"
        " order_gap_ratio = 24 * order_gap_ratio where as_of_date = %s",
        [as_of_date],
    )
    with pytest.raises(ModelRejected, match="expected inputs like those of the training"):
        _score(settings, project, as_of_date, now, run_id="run-2")
    assert scores() == before
    cursor.execute("select kind, subject, said from ml.watch where verdict = 'hold' and as_of_date = %s", [as_of_date])
    held = {(kind, subject): said for kind, subject, said in cursor.fetchall()}
    assert "days_since_last_order" in held["drift", "all features"]
    assert "PSI" in held["scores", "probability"]


@pytest.mark.capability("B11")
def test_what_live_scores_promised_is_held_against_who_left(
    settings, project, champion, scores, warehouse, as_of_date, now
):
    cursor, day = warehouse.cursor(), as_of_date - timedelta(days=60)
    cursor.execute(
        "insert into ml.score (customer_id, as_of_date, definition, model_name, model_version, probability, threshold,"
        " rank_of_day, scored_at) select customer_id, as_of_date, definition, %s, '0', 0.9, 0.5,"
        " row_number() over (order by customer_id), now() from marts.churn_labels where as_of_date = %s and eligible",
        [champion.model, day],
    )
    read = "select subject, verdict, value from ml.watch where kind = 'calibration' and as_of_date = %s"
    _score(settings, project, as_of_date, now)
    cursor.execute(read, [as_of_date])
    assert cursor.fetchall() == [], "scores that nobody saw promised nobody anything"

    cursor.execute(
        "insert into ops.publication (as_of_date, run_id, live, published_at, row_counts)"
        " values (%s, 'then', true, now(), '{}')",
        [day],
    )
    _score(settings, project, as_of_date, now)
    cursor.execute(read, [as_of_date])
    ((subject, verdict, ratio),) = cursor.fetchall()
    assert (subject, verdict) == ("earlier versions", "warn")
    cursor.execute("select avg(churned::int) from marts.churn_labels where as_of_date = %s and eligible", [day])
    assert ratio == pytest.approx(float(cursor.fetchone()[0]) / 0.9)

    # Of those who were contacted within the window it is told apart.
    contact(cursor, f"as_of_date = '{day}' and eligible and customer_id < 'c00030'", day + timedelta(days=3))
    _score(settings, project, as_of_date, now)
    cursor.execute(f"{read} order by subject", [as_of_date])
    (contacted, fine, _), (others, warned, alone) = cursor.fetchall()
    assert (contacted, fine, others, warned) == ("contacted customers", "fine", "earlier versions", "warn")
    cursor.execute(
        "select avg(churned::int) from marts.churn_labels where as_of_date = %s and eligible"
        " and customer_id >= 'c00030'",
        [day],
    )
    assert alone == pytest.approx(float(cursor.fetchone()[0]) / 0.9)
    cursor.execute("delete from alerts.outbox")

    cursor.execute("update ml.score set model_version = %s where as_of_date = %s", [champion.version, day])
    with pytest.raises(ModelRejected, match=r"promised 243 leavers, and \d+ left"):
        _score(settings, project, as_of_date, now)


@pytest.mark.capability("B9")
def test_a_score_keeps_which_configuration_it_was_made_with(settings, project, champion, warehouse, as_of_date, now):
    cursor = warehouse.cursor()
    read = "select distinct parts from ml.score join ml.configuration using (configuration)"
    for parts in ({"words": "a", "order": "b"}, {"order": "b", "words": "a"}, {"words": "c", "order": "b"}):
        churn_model.score(settings, project, as_of_date=as_of_date, run_id="run-1", now=now, configuration=parts)
        cursor.execute(read)
        assert cursor.fetchall() == [(parts,)]
    cursor.execute("select count(*) from ml.configuration")
    assert cursor.fetchone() == (2,)


def test_scores_that_are_no_numbers_are_refused():
    from churn_model.score import demand_sane

    with pytest.raises(ModelRejected, match="got 1 of 3 not a number"):
        demand_sane(np.array([0.1, np.nan, 0.3]), "scores")


def test_a_date_that_was_not_built_is_refused(settings, project, champion, as_of_date, now):
    with pytest.raises(ModelRejected, match="expected eligible customers in marts"):
        _score(settings, project, as_of_date.replace(day=2), now)


def test_without_a_champion_nothing_is_scored(settings, project, as_of_date, now, tmp_path):
    settings = replace(settings, mlflow_url=f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(ModelRejected, match="expected a version with the alias champion, got none"):
        _score(settings, project, as_of_date, now)


@pytest.fixture
def model_file(settings):
    """The champion's file in the store; what a test does to it is undone."""
    (file,) = settings.artifacts.rglob("model.skops")
    content = file.read_bytes()
    yield file
    file.write_bytes(content)


def test_a_flipped_byte_in_the_store_is_refused(settings, project, model_file, scores, as_of_date, now):
    content = bytearray(model_file.read_bytes())
    content[len(content) // 2] ^= 1
    model_file.write_bytes(content)
    with pytest.raises(ModelRejected, match="the file was changed after training"):
        _score(settings, project, as_of_date, now)
    assert scores() == []


class _Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.trace),))


def test_a_pickle_is_never_opened_even_if_its_hash_was_pinned(
    settings, project, champion, model_file, as_of_date, now, tmp_path
):
    trace = tmp_path / "executed"
    model_file.write_bytes(pickle.dumps(_Malicious(trace)))
    client = open_store(settings)
    client.set_model_version_tag(champion.model, champion.version, "sha256", sha256_of(model_file))
    try:
        with pytest.raises(ModelRejected, match="expected a skops file of Forewarn's own types"):
            _score(settings, project, as_of_date, now)
    finally:
        client.set_model_version_tag(champion.model, champion.version, "sha256", champion.sha256)
    assert not trace.exists()


def test_a_model_file_that_is_gone_is_refused_where_no_copy_was_kept(
    settings, project, model_file, as_of_date, now, tmp_path
):
    model_file.unlink()
    settings = replace(settings, home=tmp_path)
    with pytest.raises(ModelRejected, match=r"churn_non_contractual version 1: expected a file model\.skops"):
        _score(settings, project, as_of_date, now)


def test_a_dry_run_of_the_drivers_measures_and_keeps_nothing(settings, project, warehouse, as_of_date, now):
    client = open_store(settings)
    experiment = [client.get_experiment_by_name(EXPERIMENT).experiment_id]
    before = len(client.search_runs(experiment))
    found = find_drivers(settings, project, as_of_date=as_of_date, run_id="dry", now=now, keep=False)
    assert found.families[0].auc_loss[0] > 0
    cursor = warehouse.cursor()
    cursor.execute("select count(*) from ml.driver")
    assert cursor.fetchone() == (0,)
    assert len(client.search_runs(experiment)) == before > 0
