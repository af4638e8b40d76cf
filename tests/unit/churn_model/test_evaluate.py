"""Folds, the choice of the candidate and the printed table."""

from dataclasses import replace
from datetime import date, timedelta
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from churn_model.evaluate import CutOff, Evaluation, assess
from churn_model.features import NAMES
from churn_model.metrics import Metrics
from churn_model.snapshots import EPOCH, Snapshots
from churn_model.split import held_out_customers
from forewarn.config.model import Model
from forewarn.errors import ModelRejected


def _evaluation(*aucs: dict[str, float]) -> Evaluation:
    churned = np.array([0, 1, 0, 0], dtype=np.int8)
    cutoffs = tuple(
        CutOff(
            test=date(2026, 1, 1) + timedelta(days=30 * n),
            trained_on=(date(2025, 1, 1),),
            churned=churned,
            scores={name: np.array([0.1, 0.9, 0.2, 0.3]) for name in auc},
            metrics={
                name: Metrics(value, 0.5, 0.4, 1.6, None if name == "rule" else 0.1) for name, value in auc.items()
            },
        )
        for n, auc in enumerate(aucs)
    )
    return Evaluation("non_contractual", 60, cutoffs)


@pytest.mark.capability("C29")
def test_the_better_single_model_is_promoted_with_its_reason():
    chosen, reason = _evaluation(
        {"rule": 0.70, "logistic": 0.80, "boosting": 0.78, "average": 0.80},
        {"rule": 0.72, "logistic": 0.82, "boosting": 0.80, "average": 0.82},
    ).best()
    assert chosen == "logistic"
    assert reason == (
        "logistic: out-of-time AUC 0.810 over 2 test cut-offs against boosting 0.790, average 0.810, rule 0.710"
    )


def test_the_average_must_win_clearly_and_in_most_tests():
    clear = {"rule": 0.7, "logistic": 0.80, "boosting": 0.80, "average": 0.81}
    worse = {"rule": 0.7, "logistic": 0.80, "boosting": 0.80, "average": 0.799}
    assert _evaluation(clear, clear, worse).best()[0] == "average"
    assert _evaluation(clear, worse, worse).best()[0] == "boosting"


def test_an_average_that_ranks_as_well_and_says_better_probabilities_is_chosen():
    same = {"rule": 0.7, "logistic": 0.80, "boosting": 0.79, "average": 0.80, "blend": 0.80}
    evaluation = _evaluation(same, same, same)
    assert evaluation.best()[0] == "logistic"
    for cutoff in evaluation.cutoffs[:2]:
        cutoff.metrics["blend"] = replace(cutoff.metrics["blend"], brier=0.09)
    assert evaluation.best()[0] == "blend"
    for cutoff in evaluation.cutoffs:
        cutoff.metrics["blend"] = replace(cutoff.metrics["blend"], auc=0.799)
    assert evaluation.best()[0] == "logistic"


def test_what_cannot_be_fitted_is_left_out_with_its_reason_and_the_others_go_on():
    contract = replace(_snapshots(0.3), event_is_churn=True)
    evaluation = assess(
        contract, "contractual", model=Model(candidates=["rule", "bg_nbd", "logistic", "blend", "hazard"])
    )
    assert evaluation.methods == ["rule", "logistic"]
    assert set(evaluation.left_out) == {"bg_nbd", "blend", "hazard"}
    assert evaluation.left_out["bg_nbd"] == "it knows purchases only, and a contract ends otherwise"
    out = StringIO()
    Console(file=out, width=120).print(evaluation)
    assert "hazard was left out: nothing is known of what followed." in out.getvalue()


def test_a_candidate_that_nobody_knows_is_named_with_those_that_there_are():
    with pytest.raises(ModelRejected, match=r"expected names of rule, bg_nbd, .* got forest"):
        assess(_snapshots(0.3), "non_contractual", model=Model(candidates=["rule", "forest"]))


def test_the_table_has_a_row_a_method_with_mean_and_spread():
    evaluation = _evaluation(
        {"rule": 0.70, "logistic": 0.80, "boosting": 0.78, "average": 0.80},
        {"rule": 0.74, "logistic": 0.82, "boosting": 0.80, "average": 0.82},
    )
    out = StringIO()
    Console(file=out, width=140).print(evaluation)
    lines = out.getvalue().split("At the threshold")[0].splitlines()
    rule = next(line for line in lines if "rule" in line)
    assert "0.720 ±.028" in rule
    assert "–" in rule, "the rule is no probability and has no Brier score"
    assert [name for line in lines for name in ("logistic", "boosting", "average") if name in line] == [
        "logistic",
        "boosting",
        "average",
    ]
    assert "2 test cut-offs 2026-01-01 to 2026-01-31, 4 customers a test, base rate 0.250" in out.getvalue()


def test_a_single_test_has_no_spread():
    evaluation = _evaluation({"rule": 0.7, "logistic": 0.8, "boosting": 0.7, "average": 0.8})
    assert evaluation.sd("logistic", "auc") is None


def _snapshots(base_rate: float) -> Snapshots:
    random = np.random.default_rng(3)
    days = np.repeat([(date(2026, 1, 1) - EPOCH).days + 30 * n for n in range(5)], 200)
    features = np.full((1000, len(NAMES)), np.nan)
    features[:, NAMES.index("days_since_last_order")] = random.integers(1, 60, 1000)
    features[:, NAMES.index("orders_365d")] = random.integers(1, 30, 1000)
    risk = base_rate * features[:, NAMES.index("days_since_last_order")] / 30
    return Snapshots(days, features, (random.random(1000) < risk).astype(np.int8), 60, 200)


@pytest.mark.capability("C28", "B11")
def test_each_cut_off_is_scored_by_models_that_saw_only_closed_labels():
    evaluation = assess(_snapshots(0.3), definition="non_contractual")
    assert [cutoff.test for cutoff in evaluation.cutoffs] == [
        date(2026, 1, 1) + timedelta(days=30 * n) for n in (2, 3, 4)
    ]
    assert all(max(cutoff.trained_on) + timedelta(days=60) <= cutoff.test for cutoff in evaluation.cutoffs)
    labels, scores = evaluation.out_of_time("logistic")
    assert labels.shape == scores.shape == (600,)


def test_labels_of_the_gap_have_no_influence():
    honest, spoiled = _snapshots(0.3), _snapshots(0.3)
    gap = spoiled.days == np.unique(spoiled.days)[3]
    spoiled.churned[gap] = 1 - spoiled.churned[gap]
    last = [assess(snapshots, definition="non_contractual").cutoffs[-1] for snapshots in (honest, spoiled)]
    for method in ("logistic", "boosting", "average", "rule"):
        np.testing.assert_array_equal(last[0].scores[method], last[1].scores[method])


@pytest.mark.capability("C28", "B11")
def test_where_time_cannot_be_held_out_each_customer_is_judged_once_by_models_that_never_saw_them():
    whole = _snapshots(0.3)
    rows = whole.days == whole.days[0]
    short = Snapshots(whole.days[rows], *whole.rows(rows), 60, 200, np.arange(200))
    told: list[tuple[str, int, int]] = []
    evaluation = assess(short, definition="contractual", progress=lambda *part: told.append(part))
    assert evaluation.held_out == "customers"
    assert told == [(f"test of {short.dates[-1]}", number, 5) for number in range(5)]
    assert len(evaluation.cutoffs) == 5
    parts = held_out_customers(short.numbers)
    assert np.sum(parts, axis=0).tolist() == [1] * 200, "each customer is held out once"
    assert min(len(cutoff.churned) for cutoff in evaluation.cutoffs) >= 30
    assert "customers held out, not out of time" in evaluation.best()[1]
    spoiled = Snapshots(short.days, short.features, short.churned.copy(), 60, 200, short.numbers)
    spoiled.churned[parts[0]] = 1 - spoiled.churned[parts[0]]
    again = assess(spoiled, definition="contractual").cutoffs[0]
    np.testing.assert_array_equal(evaluation.cutoffs[0].scores["logistic"], again.scores["logistic"])


@pytest.mark.capability("B11")
def test_whoever_was_contacted_within_the_label_window_is_in_no_figure_and_told_apart():
    whole = _snapshots(0.3)
    newest = whole.days == whole.days[-1]
    asked = newest & (np.arange(1000) % 4 == 0)
    # They all stayed, whatever was foretold of them: in a figure they would lower it.
    told = replace(whole, churned=np.where(asked, 0, whole.churned).astype(np.int8), contacted=asked)
    found, without = (assess(one, definition="non_contractual") for one in (told, whole.take(~asked)))
    assert found.contacted == {whole.dates[-1]: (50, 0)}
    assert found.cutoffs[-1].metrics == without.cutoffs[-1].metrics
    out = StringIO()
    Console(file=out, width=140).print(found)
    assert f"in none of the figures: {whole.dates[-1]} 50, of whom 0 left." in out.getvalue()


def test_a_base_in_which_nobody_left_before_the_tests_is_rejected():
    with pytest.raises(ModelRejected, match="only folds of one class"):
        assess(_snapshots(0.0), definition="non_contractual")
