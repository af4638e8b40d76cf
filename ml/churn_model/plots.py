"""The three pictures of an evaluation, kept with each trained model. They show aggregates only, never a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import precision_recall_curve

from churn_model.evaluate import RULE, Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 10
PICTURES = ("calibration", "lift", "precision_recall")


def pictures(evaluation: Evaluation, method: str) -> dict[str, Figure]:
    """Return each of `PICTURES` by its name."""
    drawn = (calibration(evaluation, method), lift(evaluation, method), precision_recall(evaluation, method))
    return dict(zip(PICTURES, drawn, strict=True))


def calibration(evaluation: Evaluation, method: str) -> Figure:
    """Draw promised against observed churn over tenths of the out-of-time predictions."""
    churned, score = evaluation.out_of_time(method)
    order = np.array_split(np.argsort(score, kind="stable"), BINS)
    figure, axes = empty(f"Calibration, {method}", "predicted probability", "share that left")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    tenths = [part for part in order if len(part)]
    axes.plot([score[part].mean() for part in tenths], [churned[part].mean() for part in tenths], marker="o")
    return figure


def lift(evaluation: Evaluation, method: str) -> Figure:
    """Draw how many times the base rate the first customers of the ranking leave, beside the rule's."""
    figure, axes = empty("Lift, mean of the test cut-offs", "share of customers contacted", "times the base rate")
    shares = np.linspace(0.01, 1, 100)
    for name in (method, RULE):
        curves = []
        for cutoff in evaluation.cutoffs:
            found = cutoff.churned[np.argsort(-cutoff.scores[name], kind="stable")].cumsum()
            sizes = np.maximum(1, np.round(shares * len(found)).astype(int))
            curves.append(found[sizes - 1] / sizes / cutoff.churned.mean())
        axes.plot(shares, np.mean(curves, axis=0), label=name)
    axes.axhline(1, color="0.7", linewidth=1)
    axes.legend()
    return figure


def precision_recall(evaluation: Evaluation, method: str) -> Figure:
    """Draw precision against recall, one line per test cut-off."""
    figure, axes = empty(f"Precision and recall by cut-off, {method}", "recall", "precision")
    for cutoff in evaluation.cutoffs:
        precision, recall, _ = precision_recall_curve(cutoff.churned, cutoff.scores[method])
        axes.plot(recall, precision, label=str(cutoff.test), linewidth=1)
    axes.legend(fontsize="small")
    return figure


def empty(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    """Return a figure with a title and named axes, and nothing in it yet."""
    # The figure is built without pyplot, which keeps every figure of a process alive and looks for a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=across, ylabel=up)
    axes.grid(alpha=0.2)
    return figure, axes
