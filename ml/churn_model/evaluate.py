"""Judge the candidates out of time, and the rule that they must beat beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from churn_model import metrics
from churn_model.baseline import recency_frequency
from churn_model.economy import one_thread
from churn_model.metrics import Metrics, measure
from churn_model.pipelines import average, boosting, logistic
from churn_model.reader import Floats
from churn_model.snapshots import EPOCH, Snapshots, read_snapshots
from churn_model.split import TESTS, Fold, held_out_customers, is_too_short, rolling_origin
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from rich.table import Table

Rows = npt.NDArray[np.bool_]

RULE = "rule"
CANDIDATES = ("logistic", "boosting", "average")
CLEARLY_BETTER = 0.001


@dataclass(frozen=True)
class CutOff:
    """One test: the customers of an as-of date, what became of them, and each method's score of them.

    `scores` maps rule, logistic, boosting and average to arrays (n,); all but the rule's are probabilities.
    """

    test: date
    trained_on: tuple[date, ...]
    churned: npt.NDArray[np.int8]
    scores: dict[str, Floats]
    metrics: dict[str, Metrics] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """All tests of one churn definition; `print` of rich shows it as a table."""

    definition: str
    horizon_days: int
    cutoffs: tuple[CutOff, ...]
    held_out: Literal["time", "customers"] = "time"

    @property
    def customers(self) -> float:
        """Customers per test, on average."""
        return float(np.mean([len(cutoff.churned) for cutoff in self.cutoffs]))

    @property
    def base_rate(self) -> float:
        """Share of customers who left, averaged over the tests."""
        return float(np.mean([cutoff.churned.mean() for cutoff in self.cutoffs]))

    def figures(self, method: str, metric: str) -> list[float]:
        """Return one metric of one method per test, oldest test first; empty where it is not defined."""
        values = [getattr(cutoff.metrics[method], metric) for cutoff in self.cutoffs]
        return [value for value in values if value is not None]

    def mean(self, method: str, metric: str) -> float:
        """Return the mean over the tests."""
        return float(np.mean(self.figures(method, metric)))

    def sd(self, method: str, metric: str) -> float | None:
        """Return the standard deviation between the tests; None for a single test."""
        values = self.figures(method, metric)
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    def out_of_time(self, method: str) -> tuple[npt.NDArray[np.int8], Floats]:
        """Return labels and scores of all tests in one, for calibration and thresholds."""
        labels = np.concatenate([cutoff.churned for cutoff in self.cutoffs])
        return labels, np.concatenate([cutoff.scores[method] for cutoff in self.cutoffs])

    def best(self) -> tuple[str, str]:
        """Return the candidate to promote, and why.

        The better single model by mean out-of-time AUC; their average only where it is clearly better: by
        `CLEARLY_BETTER` in the mean, and in most of the tests.
        """
        single = max(("boosting", "logistic"), key=lambda name: self.mean(name, "auc"))
        pairs = zip(self.figures("average", "auc"), self.figures(single, "auc"), strict=True)
        gains = [mixed - alone for mixed, alone in pairs]
        mixed_wins = np.mean(gains) >= CLEARLY_BETTER and sum(gain > 0 for gain in gains) > len(gains) / 2
        chosen = "average" if mixed_wins else single
        others = ", ".join(f"{name} {self.mean(name, 'auc'):.3f}" for name in (*CANDIDATES, RULE) if name != chosen)
        tests = f"{len(self.cutoffs)} test cut-off{'s' if len(self.cutoffs) > 1 else ''}"
        how = "out-of-time AUC"
        if self.held_out == "customers":
            tests, how = f"{len(self.cutoffs)} parts of the customers", "AUC on customers held out, not out of time,"
        return chosen, f"{chosen}: {how} {self.mean(chosen, 'auc'):.3f} over {tests} against {others}"

    def __rich__(self) -> Table:
        """Return the table: a row per method, mean ± standard deviation between the test cut-offs."""
        from rich import box
        from rich.table import Table

        held_out = "Out of time" if self.held_out == "time" else "Customers held out"
        # Narrow enough for the 80 columns of a log.
        table = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, 1),
            title=f"{held_out}: {self.definition} churn within {self.horizon_days} days",
            caption=(
                f"{len(self.cutoffs)} test cut-offs {self.cutoffs[0].test} to {self.cutoffs[-1].test}, "
                f"{self.customers:,.0f} customers a test, base rate {self.base_rate:.3f}"
            ),
        )
        for heading in ("", "AUC", "AP", "prec@10%", "lift@10%", "Brier"):
            table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
        for method in (RULE, *CANDIDATES):
            table.add_row(method, *(self._cell(method, metric) for metric in metrics.NAMES))
        return table

    def _cell(self, method: str, metric: str) -> str:
        if not self.figures(method, metric):
            return "–"
        digits = 2 if metric == "lift_at_10" else 3
        sd = self.sd(method, metric)
        spread = "" if sd is None else f" ±{sd:.{digits}f}".replace("±0.", "±.")
        return f"{self.mean(method, metric):.{digits}f}{spread}"


def evaluate(settings: Settings, project: Project, *, as_of_date: date, tests: int = TESTS) -> Evaluation:
    """Evaluate the candidates on the warehouse's mature snapshots by rolling origin with a gap.

    Parameters
    ----------
    as_of_date : date
        Only labels whose window had closed by this day take part.
    tests : int
        Greatest number of test cut-offs; the newest are taken.

    Raises
    ------
    ModelRejected
        Too little history, too few customers, or one class only.
    """
    with connect(settings.warehouse_url) as connection:
        snapshots = read_snapshots(connection, project.churn, as_of_date=as_of_date)
    return assess(snapshots, definition=project.churn.definition, tests=tests)


def assess(snapshots: Snapshots, *, definition: str, tests: int = TESTS) -> Evaluation:
    """Train on each fold's closed labels and score its test cut-off.

    A history that is too short leaves no time to hold out: then customers are held out, and the evaluation says so.

    Raises
    ------
    ModelRejected
        No fold has leavers and stayers on both sides.
    """
    cutoffs = []
    by_customer = is_too_short(snapshots.dates, horizon_days=snapshots.horizon_days) and len(snapshots.numbers) > 0
    for fold, trains, judged in _by_customer(snapshots) if by_customer else _by_time(snapshots, tests):
        features, churned = snapshots.rows(trains)
        test_features, test_churned = snapshots.rows(judged)
        if min(len(np.unique(churned)), len(np.unique(test_churned))) < 2:
            continue
        with one_thread():
            linear = logistic().fit(features, churned).predict_proba(test_features)[:, 1]
            trees = boosting(len(features)).fit(features, churned).predict_proba(test_features)[:, 1]
        scores = {
            RULE: recency_frequency(test_features),
            "logistic": linear,
            "boosting": trees,
            "average": average(linear, trees),
        }
        measured = {name: measure(test_churned, score, probability=name != RULE) for name, score in scores.items()}
        cutoffs.append(CutOff(fold.test, fold.train, test_churned, scores, measured))
    if not cutoffs:
        raise ModelRejected(
            f"evaluation of {definition} churn",
            expected="a test cut-off with customers who left and customers who stayed, before it and on it",
            got="only folds of one class",
            next_step="check churn.horizon_days in forewarn.yml against the history",
        )
    return Evaluation(
        definition=definition,
        horizon_days=snapshots.horizon_days,
        cutoffs=tuple(cutoffs),
        held_out="customers" if by_customer else "time",
    )


def _by_time(snapshots: Snapshots, tests: int) -> Iterator[tuple[Fold, Rows, Rows]]:
    """Yield each fold with the rows that train for it and those that it judges."""
    for fold in rolling_origin(snapshots.dates, horizon_days=snapshots.horizon_days, tests=tests):
        yield fold, np.isin(snapshots.days, _days(fold.train)), np.isin(snapshots.days, _days([fold.test]))


def _by_customer(snapshots: Snapshots) -> Iterator[tuple[Fold, Rows, Rows]]:
    """Yield the same for each part of the customers, judged on the newest date only."""
    newest = snapshots.dates[-1]
    fold = Fold(newest, tuple(snapshots.dates))
    for held_out in held_out_customers(snapshots.numbers):
        yield fold, ~held_out, held_out & np.isin(snapshots.days, _days([newest]))


def _days(dates: Sequence[date]) -> list[int]:
    return [(day - EPOCH).days for day in dates]
