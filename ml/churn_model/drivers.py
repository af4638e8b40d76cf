"""What the company's churn hangs on: how much worse the model ranks without a family of features, out of time.

Grouped permutation importance (Breiman 2001; grouped, since the features of a family stand in for each other: shuffled
one by one, each would look dispensable). A family's columns are shuffled together between the customers of a test date
that the model never learned from. Beside it stands the family's share in what moves scores. Both with the interval that
resampling the customers gives. It says what the model can tell leavers by, not what would keep them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psycopg2.extras import execute_values
from sklearn.base import clone

from churn_model.champion import load_champion
from churn_model.economy import one_thread
from churn_model.explain import FAMILIES, Explainer
from churn_model.features import FEATURES
from churn_model.reader import Floats
from churn_model.resample import customer_weights, interval, weighted_auc
from churn_model.snapshots import EPOCH, Snapshots, read_snapshots
from churn_model.split import rolling_origin
from churn_model.tracking import logged_run
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

TESTS = 5
SHUFFLES = 3
MOST_ROWS = 4_000  # a test, for contributions: their share is a mean and needs no more


@dataclass(frozen=True)
class Driver:
    """One family; each figure with the bounds of its 95% interval.

    Attributes
    ----------
    auc_loss : (float, float, float)
        Value, low, high: how much the area under the ROC curve falls when the family is shuffled.
    weight_share : (float, float, float)
        The family's mean absolute contribution over that of all families.
    """

    family: str
    auc_loss: tuple[float, float, float]
    weight_share: tuple[float, float, float]


@dataclass(frozen=True)
class Drivers:
    """The families of one churn definition, strongest first; `print` of rich shows them as a table."""

    definition: str
    horizon_days: int
    as_of_date: date
    model: str
    auc: float
    cutoffs: tuple[date, ...]
    customers: int
    families: tuple[Driver, ...]

    def __rich__(self) -> Table:
        """Return the table: a row per family."""
        from rich import box
        from rich.table import Table

        table = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, 1),
            title=f"What {self.definition} churn within {self.horizon_days} days hangs on",
            caption=f"{len(self.cutoffs)} test dates, {self.customers:,} customers, AUC {self.auc:.3f} with all;"
            " in brackets 95% of the resamples of customers",
        )
        table.add_column("family")
        table.add_column("AUC lost without it", justify="right")
        table.add_column("share in what moves scores", justify="right")
        for one in self.families:
            loss, share = one.auc_loss, one.weight_share
            table.add_row(
                one.family,
                f"{loss[0]:.4f} ({loss[1]:.4f} to {loss[2]:.4f})",
                f"{share[0]:.1%} ({share[1]:.1%} to {share[2]:.1%})",
            )
        return table


def find_drivers(
    settings: Settings, project: Project, *, as_of_date: date, run_id: str, now: datetime, keep: bool = True
) -> Drivers:
    """Measure the drivers by the champion's kind of model, log them, and replace those of the date in `ml.driver`.

    Without `keep` they are measured alone, and nothing is logged or written.

    Raises
    ------
    ModelRejected
        No fit champion, or too little history for a test out of time.
    """
    champion = load_champion(settings, project)
    churn = project.churn
    with connect(settings.warehouse_url, application="forewarn drivers") as connection:
        snapshots = read_snapshots(connection, churn, as_of_date=as_of_date)
    found = measure_drivers(
        snapshots,
        champion.model,
        definition=churn.definition,
        as_of_date=as_of_date,
        model=f"{champion.name} version {champion.version}",
    )
    if not keep:
        return found
    tags = {"forewarn.kind": "drivers", "forewarn.run_id": run_id, "forewarn.as_of_date": as_of_date.isoformat()}
    with logged_run(settings, f"drivers {churn.definition} {as_of_date}", tags, now=now) as run:
        _log(found)
    key = (as_of_date, churn.definition)
    tail = (len(found.cutoffs), found.customers, champion.name, champion.version, run, now)
    with connect(settings.warehouse_url) as connection, connection, connection.cursor() as cursor:
        cursor.execute("delete from ml.driver where as_of_date = %s and definition = %s", key)
        execute_values(
            cursor,
            "insert into ml.driver (as_of_date, definition, family, auc_loss, auc_loss_low, auc_loss_high,"
            " weight_share, weight_share_low, weight_share_high, cutoffs, customers, model_name, model_version,"
            " mlflow_run, computed_at) values %s",
            [(*key, one.family, *one.auc_loss, *one.weight_share, *tail) for one in found.families],
        )
    return found


def measure_drivers(
    snapshots: Snapshots, estimator: Any, *, definition: str, as_of_date: date, model: str, seed: int = 0
) -> Drivers:
    """Fit an estimator's settings anew on each fold's closed labels, and shuffle each family on its test.

    Parameters
    ----------
    estimator : candidate
        Fitted or not: only its settings count.
    seed : int
        Of shuffles and resamples: the same history gives the same figures.

    Raises
    ------
    ModelRejected
        No fold has leavers and stayers on both sides.
    """
    tests = [
        test
        for fold in rolling_origin(snapshots.dates, horizon_days=snapshots.horizon_days, tests=TESTS)
        if (test := _test(snapshots, fold.train, fold.test, estimator, seed))
    ]
    if not tests:
        raise ModelRejected(
            f"drivers of {definition} churn",
            expected="a test date with customers who left and customers who stayed, before it and on it",
            got="only folds of one class",
            next_step="check churn.horizon_days in forewarn.yml against the history",
        )
    known, places = np.unique(np.concatenate([test.numbers for test in tests]), return_inverse=True)
    weights = customer_weights(len(known), seed=seed)
    split = np.cumsum([len(test.numbers) for test in tests])[:-1]
    of_test = [weights[:, part] for part in np.split(places, split)]
    with_all = np.array([weighted_auc(test.churned, test.score, w) for test, w in zip(tests, of_test, strict=True)])
    shares = _shares(tests, of_test)
    drivers = []
    for number, family in enumerate(FAMILIES):
        without = np.array(
            [
                np.mean([weighted_auc(test.churned, score, w) for score in test.shuffled[number]], axis=0)
                for test, w in zip(tests, of_test, strict=True)
            ]
        )
        loss, share = np.nanmean(with_all - without, axis=0), shares[number]
        drivers.append(Driver(family, (float(loss[0]), *interval(loss[1:])), (float(share[0]), *interval(share[1:]))))
    return Drivers(
        definition=definition,
        horizon_days=snapshots.horizon_days,
        as_of_date=as_of_date,
        model=model,
        auc=float(with_all[:, 0].mean()),
        cutoffs=tuple(test.day for test in tests),
        customers=len(known),
        families=tuple(sorted(drivers, key=lambda one: -one.auc_loss[0])),
    )


@dataclass(frozen=True)
class _Tested:
    """One test date: labels, scores with every family and with each shuffled, and contributions of a sample of rows."""

    day: date
    numbers: npt.NDArray[np.int64]
    churned: npt.NDArray[np.int8]
    score: Floats
    shuffled: list[list[Floats]]
    explained: npt.NDArray[np.int64]
    families: Floats


def _test(snapshots: Snapshots, train: Sequence[date], day: date, estimator: Any, seed: int) -> _Tested | None:
    learnt = np.isin(snapshots.days, [(one - EPOCH).days for one in train])
    judged = snapshots.days == (day - EPOCH).days
    churned, features = snapshots.churned[judged], snapshots.features[judged]
    if min(len(np.unique(snapshots.churned[learnt])), len(np.unique(churned))) < 2:
        return None
    random = np.random.default_rng((seed, day.toordinal()))
    with one_thread():
        model = clone(estimator).fit(snapshots.features[learnt], snapshots.churned[learnt])
        shuffled = []
        for family in FAMILIES:
            places = [place for place, feature in enumerate(FEATURES) if feature.family == family]
            scores = []
            for _ in range(SHUFFLES):
                mixed = features.copy()
                mixed[:, places] = features[random.permutation(len(features))][:, places]
                scores.append(model.predict_proba(mixed)[:, 1])
            shuffled.append(scores)
        score = model.predict_proba(features)[:, 1]
    some = np.sort(random.permutation(len(features))[:MOST_ROWS])
    explainer = Explainer(model, currency="")
    families = np.abs(explainer.families(explainer.contributions(features[some])))
    return _Tested(day, snapshots.numbers[judged], churned, score, shuffled, some, families)


def _shares(tests: Sequence[_Tested], of_test: Sequence[Floats]) -> Floats:
    """Return (families, 1 + resamples): each family's share in the absolute contributions, the tests' mean."""
    shares = []
    for test, weights in zip(tests, of_test, strict=True):
        sums = weights[:, test.explained] @ test.families
        with np.errstate(invalid="ignore", divide="ignore"):
            shares.append((sums / sums.sum(axis=1, keepdims=True)).T)
    mean: Floats = np.nanmean(shares, axis=0)
    return mean


def _log(found: Drivers) -> None:
    import mlflow

    mlflow.log_params({"definition": found.definition, "model": found.model, "customers": found.customers})
    for one in found.families:
        for name, (value, low, high) in (("auc_loss", one.auc_loss), ("weight_share", one.weight_share)):
            mlflow.log_metrics(
                {f"{one.family}.{name}": value, f"{one.family}.{name}.low": low, f"{one.family}.{name}.high": high}
            )
    mlflow.log_metric("auc", found.auc)
    mlflow.log_figure(_figure(found), "plots/drivers.png")


def _figure(found: Drivers) -> Figure:
    from churn_model.plots import empty

    figure, axes = empty("What the ranking loses without a family", "AUC lost, 95% interval", "")
    for place, one in enumerate(reversed(found.families)):
        value, low, high = one.auc_loss
        axes.plot([low, high], [place, place], color="0.4")
        axes.plot([value], [place], marker="o", color="C0")
    axes.set_yticks(range(len(found.families)), [one.family for one in reversed(found.families)])
    axes.axvline(0, color="0.7", linewidth=1)
    return figure
