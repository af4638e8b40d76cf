"""Judge the candidates out of time, and the simple rules that they must beat beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from churn_model import candidates
from churn_model.economy import one_thread
from churn_model.leak import demand_honest_fold
from churn_model.metrics import Metrics, measure
from churn_model.reader import Floats
from churn_model.snapshots import EPOCH, Snapshots, read_snapshots
from churn_model.split import HELD_OUT_PARTS, TESTS, Fold, held_out_customers, is_too_short, rolling_origin, spacing
from churn_model.threshold import Judged, Outcome, Threshold, choose, outcome
from forewarn.config.model import Model
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.progress import Progress, untold
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from rich.console import Group

Rows = npt.NDArray[np.bool_]

RULE = "rule"
CLEARLY_BETTER = 0.001
MIXED = ("average", "blend")
STANDARD = Model()


@dataclass(frozen=True)
class CutOff:
    """One test: the customers of an as-of date, what became of them, and each method's score of them.

    `scores` maps the name of each candidate to an array (n,); all but the rule's are probabilities. `values` and
    `lead_days` are as in `threshold.Judged`, empty where unknown. Customers who were contacted within the label window
    are none of these: `contacted` tells how many they were and how many of them left.
    """

    test: date
    trained_on: tuple[date, ...]
    churned: npt.NDArray[np.int8]
    scores: dict[str, Floats]
    metrics: dict[str, Metrics] = field(default_factory=dict)
    values: Floats = field(default_factory=lambda: np.zeros(0))
    lead_days: Floats = field(default_factory=lambda: np.zeros(0))
    contacted: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Evaluation:
    """All tests of one churn definition; `print` of rich shows it as a table.

    `left_out` says of each candidate that could not be fitted on every fold why. `unripe` tells of the dates whose
    label windows are still open how many customers they have, who are in no figure.
    """

    definition: str
    horizon_days: int
    cutoffs: tuple[CutOff, ...]
    held_out: Literal["time", "customers"] = "time"
    left_out: dict[str, str] = field(default_factory=dict)
    alert_share: float = 0.05
    model: Model = STANDARD
    unripe: Mapping[date, int] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        """Names of what was judged, the simple ones first."""
        return [name for name in candidates.ALL if name in self.cutoffs[0].scores]

    @property
    def promotable(self) -> list[str]:
        """Names of those that may be champion."""
        return [name for name in self.methods if not candidates.ALL[name].withheld]

    @property
    def simple(self) -> list[str]:
        """Names of the simple rules, which a model has to beat."""
        return [name for name in self.methods if candidates.ALL[name].is_simple]

    @property
    def customers(self) -> float:
        """Customers per test, on average."""
        return float(np.mean([len(cutoff.churned) for cutoff in self.cutoffs]))

    @property
    def base_rate(self) -> float:
        """Share of customers who left, averaged over the tests."""
        return float(np.mean([cutoff.churned.mean() for cutoff in self.cutoffs]))

    @property
    def contacted(self) -> dict[date, tuple[int, int]]:
        """How many of a test's customers were contacted, and are in no figure, and how many of these left."""
        found: dict[date, tuple[int, int]] = {}
        for cutoff in self.cutoffs:
            asked, left = found.get(cutoff.test, (0, 0))
            found[cutoff.test] = (asked + cutoff.contacted[0], left + cutoff.contacted[1])
        return {day: told for day, told in found.items() if told[0]}

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

    def threshold(self, method: str) -> Threshold:
        """Return from which probability on a score of a method is worth an alert."""
        return choose(self._judged(method), self.model, share=self.alert_share)

    def outcomes(self, method: str) -> list[Outcome]:
        """Return what each test's threshold, chosen on the other tests, would have come to on it."""
        judged = self._judged(method)
        found = []
        for number, one in enumerate(judged):
            others = [*judged[:number], *judged[number + 1 :]] or judged
            chosen = choose(others, self.model, share=self.alert_share)
            found.append(outcome(one, chosen.probability, self.model))
        return found

    def best(self) -> tuple[str, str]:
        """Return the candidate to promote, and why.

        The better single model by mean out-of-time AUC. An average of several takes its place only where it is clearly
        better, by `CLEARLY_BETTER` in the mean and in most of the tests, or where it ranks as well and its
        probabilities are better: a lower Brier score in the mean and in most of the tests.

        Raises
        ------
        ModelRejected
            None of those that may be champion could be judged.
        """
        singles = [name for name in self.promotable if name not in MIXED]
        if not singles:
            raise ModelRejected(
                f"model of {self.definition} churn",
                expected="logistic or boosting among model.candidates",
                got="; ".join(f"{name}: {why}" for name, why in self.left_out.items()) or ", ".join(self.methods),
                next_step="add one of them to forewarn.yml",
            )
        chosen = max(reversed(singles), key=lambda name: self.mean(name, "auc"))
        for mixed in MIXED:
            if mixed in self.promotable and (self._ranks_better(mixed, chosen) or self._says_better(mixed, chosen)):
                chosen = mixed
        rivals = [name for name in (*self.promotable, *reversed(self.simple)) if name != chosen]
        others = ", ".join(f"{name} {self.mean(name, 'auc'):.3f}" for name in rivals)
        tests = f"{len(self.cutoffs)} test cut-off{'s' if len(self.cutoffs) > 1 else ''}"
        how = "out-of-time AUC"
        if self.held_out == "customers":
            tests, how = f"{len(self.cutoffs)} parts of the customers", "AUC on customers held out, not out of time,"
        return chosen, f"{chosen}: {how} {self.mean(chosen, 'auc'):.3f} over {tests} against {others}"

    def _ranks_better(self, method: str, other: str) -> bool:
        gains = np.subtract(self.figures(method, "auc"), self.figures(other, "auc"))
        return bool(gains.mean() >= CLEARLY_BETTER and (gains > 0).sum() > len(gains) / 2)

    def _says_better(self, method: str, other: str) -> bool:
        gains = np.subtract(self.figures(other, "brier"), self.figures(method, "brier"))
        as_good = self.mean(method, "auc") >= self.mean(other, "auc")
        return bool(as_good and gains.mean() > 0 and (gains > 0).sum() > len(gains) / 2)

    def _judged(self, method: str) -> list[Judged]:
        return [
            Judged(
                cutoff.churned,
                cutoff.scores[method],
                cutoff.values if len(cutoff.values) else np.full(len(cutoff.churned), np.nan),
                cutoff.lead_days,
            )
            for cutoff in self.cutoffs
        ]

    def __rich__(self) -> Group:
        """Return the tables: a row per method, mean ± standard deviation between the test cut-offs."""
        from churn_model.tables import evaluation

        return evaluation(self)


def evaluate(
    settings: Settings, project: Project, *, as_of_date: date, tests: int = TESTS, progress: Progress = untold
) -> Evaluation:
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
    churn = project.churn
    return assess(
        snapshots,
        churn.definition,
        model=project.model,
        alert_share=churn.alert_share,
        tests=tests,
        progress=progress,
    )


def assess(
    snapshots: Snapshots,
    definition: str,
    *,
    model: Model = STANDARD,
    alert_share: float = 0.05,
    tests: int = TESTS,
    progress: Progress = untold,
) -> Evaluation:
    """Train on each fold's closed labels and score its test cut-off.

    A history that is too short leaves no time to hold out: then customers are held out, and the evaluation says so.
    Whoever was contacted within the label window is learned from, and judges nothing: a contact changes what comes.

    Raises
    ------
    ModelRejected
        No fold has leavers and stayers on both sides.
    """
    cutoffs: list[CutOff] = []
    left_out: dict[str, str] = {}
    tried = candidates.chosen(model.candidates)
    by_customer = is_too_short(snapshots.dates, horizon_days=snapshots.horizon_days) and len(snapshots.numbers) > 0
    folds = [_newest(snapshots)] * HELD_OUT_PARTS if by_customer else _cut_offs(snapshots, tests)
    parts = _by_customer(snapshots) if by_customer else _by_time(snapshots, folds)
    for number, (fold, (trains, judged)) in enumerate(zip(folds, parts, strict=True)):
        progress(f"test of {fold.test}", number, len(folds))
        learnt = snapshots.take(trains, until=None if by_customer else fold.test)
        contacted = judged & snapshots.contacted if len(snapshots.contacted) else np.zeros_like(judged)
        asked = snapshots.take(judged & ~contacted)
        demand_honest_fold(fold, learnt, asked, by_customer=by_customer)
        if min(len(np.unique(learnt.churned)), len(np.unique(asked.churned))) < 2:
            continue
        with one_thread():
            fitted, missing = candidates.fit_all(tried, learnt)
            scores = {name: one.predict_proba(asked.features)[:, 1] for name, one in fitted.items()}
        left_out |= missing
        measured = {
            name: measure(asked.churned, score, probability=candidates.ALL[name].is_probability)
            for name, score in scores.items()
        }
        told = (int(contacted.sum()), int(snapshots.churned[contacted].sum()))
        cutoffs.append(
            CutOff(fold.test, fold.train, asked.churned, scores, measured, asked.values, asked.lead_days(), told)
        )
    if not cutoffs:
        raise ModelRejected(
            f"evaluation of {definition} churn",
            expected="a test cut-off with customers who left and customers who stayed, before it and on it",
            got="only folds of one class among those who were not contacted",
            next_step="check churn.horizon_days in forewarn.yml against the history",
        )
    for cutoff in cutoffs:
        for name in left_out:
            cutoff.scores.pop(name, None)
    return Evaluation(
        definition=definition,
        horizon_days=snapshots.horizon_days,
        cutoffs=tuple(cutoffs),
        held_out="customers" if by_customer else "time",
        left_out=left_out,
        alert_share=alert_share,
        model=model,
        unripe=snapshots.unripe,
    )


def _cut_offs(snapshots: Snapshots, tests: int) -> list[Fold]:
    every = spacing(snapshots.snapshot_days, snapshots.horizon_days)
    return rolling_origin(snapshots.dates, horizon_days=snapshots.horizon_days, tests=tests, every_days=every)


def _newest(snapshots: Snapshots) -> Fold:
    return Fold(snapshots.dates[-1], tuple(snapshots.dates))


def _by_time(snapshots: Snapshots, folds: Sequence[Fold]) -> Iterator[tuple[Rows, Rows]]:
    """Yield for each fold the rows that train for it and those that it judges."""
    for fold in folds:
        yield np.isin(snapshots.days, _days(fold.train)), np.isin(snapshots.days, _days([fold.test]))


def _by_customer(snapshots: Snapshots) -> Iterator[tuple[Rows, Rows]]:
    """Yield the same for each part of the customers, judged on the newest date only."""
    for held_out in held_out_customers(snapshots.numbers):
        yield ~held_out, held_out & np.isin(snapshots.days, _days([snapshots.dates[-1]]))


def _days(dates: Sequence[date]) -> list[int]:
    return [(day - EPOCH).days for day in dates]
