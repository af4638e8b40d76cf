"""Evaluations and comparisons as tables for a person, narrow enough for the 80 columns of a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from churn_model import candidates
from churn_model.arms import Arm, difference

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from churn_model.duel import Comparison
    from churn_model.evaluate import Evaluation
    from churn_model.table_set import TableEvaluation

SHOWN = {
    "auc": "AUC",
    "average_precision": "AP",
    "precision_at_10": "prec@10%",
    "lift_at_10": "lift@10%",
    "brier": "Brier",
    "calibration_error": "ECE",
}


DIGITS = {"auc": 4, "brier": 4, "lift_at_10": 2, "precision_at_10": 2}


def evaluation(found: Evaluation) -> Group:
    """Return the quality of each method, what its threshold would have come to, and what was left out or withheld."""
    from rich.console import Group

    held_out = "Out of time" if found.held_out == "time" else "Customers held out"
    quality = table(f"{held_out}: {found.definition} churn within {found.horizon_days} days", ["", *SHOWN.values()])
    tests = (
        f"{len(found.cutoffs)} test cut-offs {found.cutoffs[0].test} to {found.cutoffs[-1].test}, "
        f"{found.customers:,.0f} customers a test, base rate {found.base_rate:.3f}"
    )
    for method in found.methods:
        cells = [spread(found.figures(method, metric), 2 if metric == "lift_at_10" else 3) for metric in SHOWN]
        quality.add_row(method, *cells)
    apart = [*_contacted(found.contacted), *_unripe(found.unripe)]
    return Group(quality, tests, *apart, "", *_at_threshold(found), *_remarks(found))


def parts(found: TableEvaluation) -> Group:
    """Return the quality of each candidate on a table, mean ± standard deviation between its parts."""
    from rich.console import Group

    made = table(f"{found.name}: customers held out", ["", *SHOWN.values()])
    for method, measured in found.metrics.items():
        cells = [spread([getattr(one, metric) for one in measured], DIGITS.get(metric, 3)) for metric in SHOWN]
        made.add_row(method, *cells)
    verdict = found.verdict()
    number = len(found.metrics[found.best()])
    return Group(
        made,
        f"{number} stratified parts of {found.customers:,} customers, {found.columns} columns, base rate"
        f" {found.base_rate:.3f}",
        f"Best: {verdict.reason}." if verdict.taken else f"Refused: {verdict.reason}. Let the rules alone judge.",
    )


def comparison(found: Comparison) -> Group:
    """Return champion and challenger by cut-off, the verdict, the A/B split and the newest decisions."""
    from rich.console import Group

    made = table(
        f"Champion, version {found.champion}, and challenger, version {found.challenger}, on matured cut-offs",
        ["", "AUC champion", "challenger", "rule", "BG/NBD", "Brier champion", "challenger"],
    )
    for day, bout in found.bouts.items():
        aucs = [bout.auc.get(name) for name in ("champion", "challenger", "rule", "bg_nbd")]
        briers = [bout.brier["champion"], bout.brier["challenger"]]
        made.add_row(str(day), *("–" if value is None else f"{value:.3f}" for value in (*aucs, *briers)))
    verdict = f"{'May be promoted' if found.verdict.taken else 'The champion stays'}: {found.verdict.reason}."
    past = [f"{day} {outcome}: {reason}" for day, outcome, reason in found.past]
    shown = [made] if found.bouts else []
    return Group(
        *shown,
        *_contacted(found.contacted),
        verdict,
        *_split(found.split),
        *(["", "Decisions, newest first:", *past] if past else []),
    )


def _contacted(found: Mapping[date, tuple[int, int]]) -> list[str]:
    asked = "; ".join(f"{day} {count}, of whom {left} left" for day, (count, left) in found.items())
    return [f"Contacted within the label window, and in none of the figures: {asked}."] if asked else []


def _unripe(found: Mapping[date, int]) -> list[str]:
    waiting = "; ".join(f"{day} {count:,}" for day, count in found.items())
    return [f"Label window still open, and in none of the figures: {waiting}."] if waiting else []


def _split(split: Sequence[Arm]) -> list[Table | str]:
    if not split:
        return ["No A/B split: model.challenged_share is 0, or no label of its days has matured."]
    made = table("A/B split by customer", ["arm", "version", "customers", "alerts", "left", "precision"])
    for arm in split:
        precision = "–" if arm.precision is None else f"{arm.precision:.3f}"
        made.add_row(arm.arm, arm.model_version, str(arm.customers), str(arm.alerts), str(arm.left), precision)
    by_name = {arm.arm: arm for arm in split}
    if not {"a", "b"} <= set(by_name) or (gap := difference(by_name["a"], by_name["b"])) is None:
        return [made]
    return [made, f"Challenger's precision less the champion's: {gap[0]:+.3f} (95%: {gap[1]:+.3f} to {gap[2]:+.3f})."]


def table(title: str, headings: Sequence[str]) -> Table:
    """Return an empty table; the first column is text, the others are numbers."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, padding=(0, 0), title=title, show_edge=False)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return made


def spread(values: Sequence[float], digits: int) -> str:
    """Return mean ± standard deviation; a dash where there is nothing."""
    if not len(values):
        return "–"
    sd = f" ±{np.std(values, ddof=1):.{min(digits, 3)}f}".replace("±0.", "±.") if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{sd}"


def _at_threshold(found: Evaluation) -> list[Table | str]:
    made = table(
        "At the threshold, chosen on the other cut-offs",
        ["", "threshold", "contacts", "precision", "recall", "cost/customer", "lead days"],
    )
    for method in found.promotable:
        outcomes = found.outcomes(method)
        made.add_row(
            method,
            f"{found.threshold(method).probability:.3f}",
            spread([one.contacts for one in outcomes], 0),
            spread([one.precision for one in outcomes if one.precision is not None], 3),
            spread([one.recall for one in outcomes], 3),
            spread([one.cost for one in outcomes if one.cost is not None], 2),
            spread([one.lead_days for one in outcomes if one.lead_days is not None], 0),
        )
    if not found.promotable:
        return []
    best, why = found.best()
    return [made, f"Threshold of {best}: {found.threshold(best).reason}.", f"Best: {why}."]


def _remarks(found: Evaluation) -> list[str]:
    withheld = [f"{name} is never champion: {candidates.ALL[name].withheld}." for name in found.methods]
    return [
        *(text for text in withheld if not text.endswith(": .")),
        *(f"{name} was left out: {why}." for name, why in found.left_out.items()),
    ]
