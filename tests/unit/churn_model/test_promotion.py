"""A model is heard only when it beats the simple rules, and replaces another only on matured evidence."""

from datetime import date, timedelta

import numpy as np
import pytest

from churn_model.evaluate import CutOff, Evaluation
from churn_model.metrics import Metrics
from churn_model.promotion import Bout, learning_pays, replaces
from forewarn.config.model import Model


def _evaluation(rows: list[dict[str, float]], *, customers: int = 1000) -> Evaluation:
    churned = (np.arange(customers) % 5 == 0).astype(np.int8)
    return Evaluation(
        "non_contractual",
        60,
        tuple(
            CutOff(
                date(2026, 1, 1) + timedelta(days=30 * number),
                (date(2025, 1, 1),),
                churned,
                {name: np.linspace(0, 1, customers) for name in row},
                {name: Metrics(auc, 0.5, 0.4, 1.6, 0.1) for name, auc in row.items()},
            )
            for number, row in enumerate(rows)
        ),
    )


def _judge(rows: list[dict[str, float]], **more: int):
    return learning_pays(_evaluation(rows, **more), "boosting", "boosting: AUC", Model())


@pytest.mark.capability("C29", "C30")
def test_a_model_that_beats_both_simple_rules_is_taken():
    assert _judge([{"rule": 0.70, "bg_nbd": 0.72, "boosting": 0.80}] * 5).taken


@pytest.mark.parametrize("rule", ["rule", "bg_nbd"])
def test_a_model_that_one_simple_rule_equals_is_refused_by_name(rule):
    verdict = _judge([{"rule": 0.70, "bg_nbd": 0.70, "boosting": 0.80} | {rule: 0.80}] * 5)
    assert not verdict.taken
    assert verdict.reason == f"boosting: AUC; learning does not pay: it does not beat {rule} (AUC 0.800, +0.000)"


def test_a_model_that_wins_in_the_mean_only_is_refused():
    rows = [{"rule": 0.70, "boosting": auc} for auc in (0.69, 0.69, 0.69, 0.80, 0.80)]
    assert "rule (better on 2 of 5 tests)" in _judge(rows).reason


def test_a_ranking_that_a_small_base_gives_by_chance_is_refused():
    rows = [{"rule": 0.45, "boosting": auc} for auc in (0.52, 0.58, 0.55, 0.60, 0.51)]
    assert "chance (AUC 0.552, standard error" in _judge(rows, customers=100).reason
    assert _judge(rows, customers=20_000).taken


def test_who_asks_for_it_gets_a_model_that_does_not_pay_and_reads_that_it_does_not():
    verdict = learning_pays(_evaluation([{"rule": 0.8, "boosting": 0.8}] * 5), "boosting", "AUC", Model(must_pay=False))
    assert verdict.taken
    assert verdict.reason.endswith("it does not beat rule (AUC 0.800, +0.000); taken, since model.must_pay is off")


def _bout(challenger: float = 0.80, champion: float = 0.78, brier: float = 0.10, rule: float = 0.70) -> Bout:
    return Bout(
        {"challenger": challenger, "champion": champion, "rule": rule, "bg_nbd": rule},
        {"challenger": brier, "champion": 0.11},
    )


def _replaces(bouts: list[Bout]):
    return replaces(bouts, ["rule", "bg_nbd"], Model())


@pytest.mark.capability("C30")
def test_five_matured_cut_offs_that_the_challenger_won_promote_it():
    verdict = _replaces([_bout()] * 5)
    assert verdict.taken
    assert verdict.reason == (
        "challenger AUC 0.800, Brier 0.1000 over 5 matured cut-offs against champion 0.780, 0.1100"
    )


@pytest.mark.capability("C30")
@pytest.mark.parametrize(
    ("bouts", "reason"),
    [
        ([_bout()] * 4, "4 matured cut-offs that both scored of the 5 that a promotion needs"),
        ([_bout()], "1 matured cut-off that both scored"),
        ([_bout(challenger=0.7805)] * 5, "does not beat champion (AUC 0.780, +0.000)"),
        ([_bout(0.775)] * 3 + [_bout(0.9)] * 2, "champion (better on 2 of 5 tests)"),
        ([_bout(brier=0.12)] * 5, "does not beat the champion's Brier score (0.1100)"),
        ([_bout(rule=0.81)] * 5, "rule (AUC 0.810, -0.010), bg_nbd (AUC 0.810, -0.010)"),
    ],
    ids=["four", "one", "by less than the margin", "on a few only", "probabilities are worse", "the rules are better"],
)
def test_otherwise_the_champion_stays_and_the_reason_says_why(bouts, reason):
    verdict = _replaces(bouts)
    assert not verdict.taken
    assert reason in verdict.reason
