"""The model card: what a model is for, what it learned from, how good it was out of time, and what it is not.

Kept as Markdown beside the pictures that it shows. It tells of aggregates only, never of a customer.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from churn_model import candidates
from churn_model.evaluate import Evaluation
from churn_model.features import NAMES
from churn_model.plots import PICTURES
from churn_model.snapshots import Snapshots
from churn_model.tables import SHOWN, spread

CARD = "model_card.md"
LEAVING = {"non_contractual": "buys nothing", "contractual": "ends the subscription"}


def model_card(
    evaluation: Evaluation,
    chosen: str,
    snapshots: Snapshots,
    *,
    title: str,
    as_of_date: date,
    verdict: str,
    eligible_days: int,
) -> str:
    """Return the card as Markdown; its pictures lie in `plots/` beside it.

    Parameters
    ----------
    verdict : str
        Why it was taken, or why it was refused.
    """
    threshold = evaluation.threshold(chosen)
    outcomes = evaluation.outcomes(chosen)
    contacted = sum(count for count, _ in evaluation.contacted.values())
    unripe = evaluation.unripe
    unknown = [name for place, name in enumerate(NAMES) if np.isnan(snapshots.features[:, place]).all()]
    how = "out of time, rolling origin with a gap" if evaluation.held_out == "time" else "on customers held out"
    lines = [
        f"# {title}",
        "",
        f"Foresees which customer {LEAVING[evaluation.definition]} within {evaluation.horizon_days} days, of those who"
        f" were active within {eligible_days} days before. It ranks customers for people who decide whom to contact;"
        " it is not made to set prices, to refuse service, or to judge a person.",
        "",
        "## What it learned from",
        "",
        f"- {len(snapshots.churned):,} rows of {snapshots.customers:,} customers on {len(snapshots.dates)} as-of dates,"
        f" {snapshots.dates[0]} to {snapshots.dates[-1]}; only labels that had closed by {as_of_date}.",
        f"- In no figure, since the label windows are still open: {sum(unripe.values()):,} rows of the newest as-of"
        f" dates ({len(unripe)}).",
        f"- {snapshots.churned.mean():.1%} of the rows left. Data: sha256 {snapshots.sha256()}.",
        f"- {len(NAMES) - len(unknown)} of {len(NAMES)} features; never known: {', '.join(unknown) or 'none'}.",
        "",
        f"## How good it was, {how}",
        "",
        f"{len(evaluation.cutoffs)} tests, {evaluation.cutoffs[0].test} to {evaluation.cutoffs[-1].test}, of"
        f" {evaluation.customers:,.0f} customers, base rate {evaluation.base_rate:.3f}; mean ± standard deviation"
        " between the tests.",
        "",
        *_table(
            ["", *SHOWN.values()],
            [
                [f"**{name}**" if name == chosen else name, *(_cell(evaluation, name, metric) for metric in SHOWN)]
                for name in evaluation.methods
            ],
        ),
        "",
        f"Decision: {verdict}.",
        "",
        *(f"![{name}](plots/{name}.png)" for name in PICTURES),
        "",
        "## From which probability on it alerts",
        "",
        f"From {threshold.probability:.3f} on: {threshold.reason}. With thresholds of the other tests each had"
        f" {spread([one.contacts for one in outcomes], 0)} contacts, precision"
        f" {spread([one.precision for one in outcomes if one.precision is not None], 2)}, recall"
        f" {spread([one.recall for one in outcomes], 2)}.",
        "",
        "## What it cannot tell",
        "",
        "- Whether a contact helps: it foretells who leaves, and not whom a contact keeps.",
        f"- What became of those who were contacted: {contacted:,} such rows are in no figure.",
        "- Causes. A reason says what the score rests on, not what would change the customer's mind.",
        *(
            ["- Whether what it learned lasts: the history was too short to hold out time."]
            if evaluation.held_out == "customers"
            else []
        ),
        *(f"- {name} was not tried: {why}." for name, why in evaluation.left_out.items()),
        "",
    ]
    return "\n".join(lines)


def _cell(evaluation: Evaluation, method: str, metric: str) -> str:
    if metric in ("brier", "calibration_error") and not candidates.ALL[method].is_probability:
        return "–"
    return spread(evaluation.figures(method, metric), 2 if metric == "lift_at_10" else 3)


def _table(heading: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *rows)]
