"""When a model may be heard, and when one may replace another. Every verdict carries its reason (decision 0024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from churn_model.evaluate import Evaluation
from forewarn.config.model import Model


@dataclass(frozen=True)
class Verdict:
    """Whether a model is taken, and why or why not."""

    taken: bool
    reason: str


@dataclass(frozen=True)
class Bout:
    """Champion and challenger on one cut-off with closed labels: figures by method.

    `auc` has an entry for champion, challenger and each simple rule; `brier` for champion and challenger.
    """

    auc: dict[str, float]
    brier: dict[str, float]


def learning_pays(evaluation: Evaluation, chosen: str, why: str, model: Model) -> Verdict:
    """Judge a candidate against the simple rules: it must beat each in the mean by the margin, and on most tests.

    `why` says how the candidate was chosen, and goes into the reason. With `model.must_pay` off it is taken anyway.
    """
    failed = []
    for rule in evaluation.simple:
        found = _lost(evaluation.figures(chosen, "auc"), evaluation.figures(rule, "auc"), model.margin)
        if found:
            failed.append(f"{rule} ({found})")
    # Rounded up by chance, a ranking of nobody in particular is above 0.5 half of the time.
    aucs = evaluation.figures(chosen, "auc")
    error = float(np.hypot(_between(aucs), _within(evaluation, float(np.mean(aucs)))))
    if float(np.mean(aucs)) - error <= 0.5:
        failed.append(f"chance (AUC {np.mean(aucs):.3f}, standard error {error:.3f})")
    if failed:
        told = f"{why}; learning does not pay: it does not beat {', '.join(failed)}"
        return Verdict(not model.must_pay, told if model.must_pay else f"{told}; taken, since model.must_pay is off")
    return Verdict(True, why)


def replaces(bouts: Sequence[Bout], simple: Sequence[str], model: Model) -> Verdict:
    """Judge a challenger against the champion on cut-offs that neither had seen."""
    if len(bouts) < model.cutoffs_to_promote:
        return Verdict(
            False,
            f"{len(bouts)} matured cut-off{'' if len(bouts) == 1 else 's'} that both scored of the"
            f" {model.cutoffs_to_promote} that a promotion needs",
        )
    ours = [bout.auc["challenger"] for bout in bouts]
    failed = []
    for rival in ("champion", *simple):
        found = _lost(ours, [bout.auc[rival] for bout in bouts], model.margin)
        if found:
            failed.append(f"{rival} ({found})")
    brier = {name: float(np.mean([bout.brier[name] for bout in bouts])) for name in ("challenger", "champion")}
    told = (
        f"challenger AUC {np.mean(ours):.3f}, Brier {brier['challenger']:.4f} over {len(bouts)} matured cut-offs"
        f" against champion {np.mean([bout.auc['champion'] for bout in bouts]):.3f}, {brier['champion']:.4f}"
    )
    if brier["challenger"] > brier["champion"]:
        failed.append(f"the champion's Brier score ({brier['champion']:.4f})")
    if failed:
        return Verdict(False, f"{told}; it does not beat {', '.join(failed)}")
    return Verdict(True, told)


def _lost(ours: Sequence[float], theirs: Sequence[float], margin: float) -> str:
    """Return how a rival was not beaten; empty where it was."""
    gains = np.asarray(ours) - np.asarray(theirs)
    if gains.mean() < margin:
        return f"AUC {np.mean(theirs):.3f}, {gains.mean():+.3f}"
    if (gains > 0).sum() * 2 <= len(gains):
        return f"better on {(gains > 0).sum()} of {len(gains)} cut-offs"
    return ""


def _between(aucs: Sequence[float]) -> float:
    """Return the standard error of the mean between tests."""
    return float(np.std(aucs, ddof=1) / np.sqrt(len(aucs))) if len(aucs) > 1 else 0.0


def _within(evaluation: Evaluation, auc: float) -> float:
    """Return the standard error within tests by their leavers and stayers (Hanley & McNeil 1982).

    Tests at different dates are of the same customers: more of them do not make it smaller.
    """
    left = float(np.mean([cutoff.churned.sum() for cutoff in evaluation.cutoffs]))
    stayed = evaluation.customers - left
    if evaluation.held_out == "customers":
        left, stayed = left * len(evaluation.cutoffs), stayed * len(evaluation.cutoffs)
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (left - 1) * (first - auc**2) + (stayed - 1) * (second - auc**2)
    return float(np.sqrt(max(spread, 0.0) / (left * stayed)))
