"""When a model may be heard, and when one may replace another. Every verdict carries its reason (decision 0024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from churn_model.evaluate import Evaluation
from forewarn.config.model import Model

SURE = 1.645  # one-sided 95%
DOES_NOT_PAY = "learning does not pay: it does not beat"


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
    left, stayed = (
        float(np.mean([(cutoff.churned == fate).sum() for cutoff in evaluation.cutoffs])) for fate in (1, 0)
    )
    if evaluation.held_out == "customers":
        left, stayed = left * len(evaluation.cutoffs), stayed * len(evaluation.cutoffs)
    rivals = {rule: evaluation.figures(rule, "auc") for rule in evaluation.simple}
    failed = not_beaten(evaluation.figures(chosen, "auc"), rivals, left=left, stayed=stayed, margin=model.margin)
    if failed:
        told = f"{why}; {DOES_NOT_PAY} {', '.join(failed)}"
        return Verdict(not model.must_pay, told if model.must_pay else f"{told}; taken, since model.must_pay is off")
    return Verdict(True, why)


def not_beaten(
    aucs: Sequence[float], rivals: Mapping[str, Sequence[float]], *, left: float, stayed: float, margin: float
) -> list[str]:
    """Return which of the simple rules, and of chance, a candidate does not beat, and how; empty where it beats all.

    Parameters
    ----------
    aucs : sequence of float
        Of the candidate, one per test; `rivals` has as many of each rule.
    left, stayed : float
        Leavers and stayers that the figures rest on. Tests at different dates are of the same customers: more of them
        do not make it more.
    """
    failed = []
    for rule, theirs in rivals.items():
        if found := _lost(aucs, theirs, margin):
            failed.append(f"{rule} ({found})")
    # Rounded up by chance, a ranking of nobody in particular is above 0.5 half of the time, and the best of several
    # candidates oftener.
    auc = float(np.mean(aucs))
    error = float(np.hypot(_between(aucs), _within(auc, left, stayed)))
    if auc - SURE * error <= 0.5:
        failed.append(f"chance (AUC {auc:.3f}, standard error {error:.3f})")
    return failed


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
        return f"better on {(gains > 0).sum()} of {len(gains)} tests"
    return ""


def _between(aucs: Sequence[float]) -> float:
    """Return the standard error of the mean between tests."""
    return float(np.std(aucs, ddof=1) / np.sqrt(len(aucs))) if len(aucs) > 1 else 0.0


def _within(auc: float, left: float, stayed: float) -> float:
    """Return the standard error within tests by their leavers and stayers (Hanley & McNeil 1982)."""
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (left - 1) * (first - auc**2) + (stayed - 1) * (second - auc**2)
    return float(np.sqrt(max(spread, 0.0) / (left * stayed)))
