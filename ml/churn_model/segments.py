"""Customers who behave alike: segments by clustering, whose names stay from run to run.

k-means on compressed, robustly scaled behaviour, with as many segments as separate best (silhouette, Rousseeuw 1987). A
segment keeps its name while it stays the nearest to where it was: old and new centres are matched one to one so that
all together move least (Hungarian method), and a segment that moved further than it lies from its neighbour is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
from psycopg2 import extensions, sql
from psycopg2.extras import Json, execute_values
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer
from sklearn.metrics import silhouette_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import RobustScaler

from churn_model.copy_in import copy_in, text
from churn_model.economy import one_thread
from churn_model.pipelines import Clip, SignedLog
from churn_model.reader import Floats, read_batches
from churn_model.tracking import logged_run
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect

# Behaviour, each with what is said of a segment that has much or little of it.
BEHAVIOUR: Mapping[str, tuple[str, str]] = {
    "orders_365d": ("frequent", "rare"),
    "average_order_value_365d": ("large orders", "small orders"),
    "products_365d": ("wide range", "narrow range"),
    "tenure_days": ("long with us", "new"),
    "days_since_last_order": ("silent", "active"),
    "discount_share_365d": ("buys on discount", "buys at list price"),
    "return_share_365d": ("returns much", "returns little"),
    "tickets_90d": ("asks for service", "asks for no service"),
    "usage_days_30d": ("uses the product", "does not use the product"),
    "marketing_responses_365d": ("answers marketing", "ignores marketing"),
}
NAMES = tuple(BEHAVIOUR)
COUNTS = range(3, 8)
CLOSE = 0.02  # of the best silhouette: then as many segments as before
MOST_ROWS = 20_000
JUDGED_ROWS = 2_000
FEWEST = 100
KNOWN_SHARE = 0.5
Batches = Iterator[tuple[dict[str, npt.NDArray[np.bytes_]], Floats]]
APART = 0.2  # spreads of the base: what a segment must differ by for its title to say so


@dataclass(frozen=True)
class Profile:
    """One segment: its name, a title in words, how many customers it has, and what is typical of them."""

    name: str
    title: str
    customers: int
    centre: dict[str, float]


@dataclass(frozen=True)
class Segments:
    """The segments of one date, largest first, how well they separate, and how many kept their name."""

    as_of_date: date
    silhouette: float
    kept: int
    profiles: tuple[Profile, ...]


class Clustering:
    """A fitted clustering: which columns, how they are scaled, where the centres are."""

    def __init__(self, features: Floats, *, before: int | None = None) -> None:
        """Fit to customers, `features` (n, len(NAMES)); `before` is how many segments there were."""
        known = (~np.isnan(features)).mean(axis=0) >= KNOWN_SHARE
        self.columns = [place for place in range(len(NAMES)) if known[place] and np.nanstd(features[:, place]) > 0]
        self.scale = Pipeline(
            [
                ("log", SignedLog()),
                ("impute", SimpleImputer(strategy="median")),
                ("scale", RobustScaler(quantile_range=(10, 90))),
                ("clip", Clip()),
            ]
        )
        self.scaled = self.scale.fit_transform(features[:, self.columns])
        fitted = {k: KMeans(k, n_init=4, random_state=0).fit(self.scaled) for k in COUNTS}
        some = np.random.default_rng(0).permutation(len(features))[:JUDGED_ROWS]
        judged = {
            k: float(silhouette_score(self.scaled[some], model.labels_[some]))
            for k, model in fitted.items()
            if len(np.unique(model.labels_[some])) > 1
        }
        best = max(judged, key=lambda k: judged[k])
        if before in judged and judged[before] >= judged[best] - CLOSE:
            best = before
        self.model, self.silhouette = fitted[best], judged[best]

    def assign(self, features: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return each customer's cluster and its distance from the centre."""
        distances = self.model.transform(self.scale.transform(features[:, self.columns]))
        nearest = distances.argmin(axis=1)
        return nearest, distances[np.arange(len(nearest)), nearest]

    def centres(self) -> list[dict[str, float]]:
        """Return each centre as feature → typical value in the feature's unit: the mean of logarithms, put back."""
        logs = self.scale.named_steps["scale"].inverse_transform(self.model.cluster_centers_)
        values = np.sign(logs) * np.expm1(np.abs(logs))
        return [{NAMES[place]: float(value) for place, value in zip(self.columns, row, strict=True)} for row in values]

    def place(self, centres: Sequence[Mapping[str, float]]) -> Floats:
        """Return where typical values lie in the space of the clustering, (n, columns)."""
        if not centres:
            return np.empty((0, len(self.columns)))
        rows = [[centre.get(NAMES[place], np.nan) for place in self.columns] for centre in centres]
        placed: Floats = self.scale.transform(np.array(rows, dtype=float))
        return placed


def match(centres: Floats, before: Floats) -> dict[int, int]:
    """Return new centre → old centre for those that are the same segment still.

    Parameters
    ----------
    centres, before : ndarray (n, d), (m, d)
    """
    if not len(before) or not len(centres):
        return {}
    distances = cdist(centres, before)
    rows, columns = linear_sum_assignment(distances)
    apart = cdist(centres, centres)
    np.fill_diagonal(apart, np.inf)
    return {
        int(new): int(old)
        for new, old in zip(rows, columns, strict=True)
        if distances[new, old] <= apart[new].min() / 2
    }


def find_segments(settings: Settings, *, as_of_date: date, run_id: str, now: datetime, keep: bool = True) -> Segments:
    """Cluster the customers of a date, log it, and replace the date's rows of `ml.segment` and `ml.segment_profile`.

    Without `keep` nothing is logged, and the rows are as they were.

    Raises
    ------
    ModelRejected
        Fewer than 100 customers, or nothing in which they differ.
    """
    with connect(settings.warehouse_url, application="forewarn segments") as connection:
        features = np.vstack([np.empty((0, len(NAMES))), *(batch for _, batch in _read(connection, as_of_date, True))])
        old = _profiles_before(connection, as_of_date)
        _demand_enough(features, as_of_date)
        with one_thread():
            clustering = Clustering(features, before=len(old) or None)
        centres = clustering.centres()
        matched = match(clustering.model.cluster_centers_, clustering.place([centre for _, centre in old]))
        names = _names(clustering.model.n_clusters, {new: old[place][0] for new, place in matched.items()}, old)
        titles = _titles(clustering)
        tags = {"forewarn.kind": "segments", "forewarn.run_id": run_id, "forewarn.as_of_date": as_of_date.isoformat()}
        logged = logged_run(settings, f"segments {as_of_date}", tags, now=now) if keep else nullcontext("")
        with logged as run:
            counts = _write(connection, clustering, names, titles, centres, as_of_date=as_of_date, run=run, now=now)
            found = Segments(
                as_of_date,
                clustering.silhouette,
                len(matched),
                tuple(
                    sorted(
                        (Profile(*one) for one in zip(names, titles, counts, centres, strict=True)),
                        key=lambda one: -one.customers,
                    )
                ),
            )
            if keep:
                _log(found, clustering)
                connection.commit()
    return found


def _read(connection: extensions.connection, as_of_date: date, some: bool) -> Batches:
    sample = sql.SQL("limit {}").format(sql.Literal(MOST_ROWS)) if some else sql.SQL("")
    query = sql.SQL(
        "select customer_id, {} from marts.churn_features where as_of_date = {}"
        " and (orders_365d > 0 or has_subscription = 1) order by customer_id {}"
    ).format(sql.SQL(", ").join(map(sql.Identifier, NAMES)), sql.Literal(as_of_date), sample)
    return read_batches(connection, query, keys=["customer_id"], numbers=NAMES)


def _profiles_before(connection: extensions.connection, as_of_date: date) -> list[tuple[str, dict[str, float]]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select segment, centre from ml.segment_profile where as_of_date = ("
            " select max(as_of_date) from ml.segment_profile where as_of_date < %s) order by segment",
            [as_of_date],
        )
        return list(cursor.fetchall())


def _demand_enough(features: Floats, as_of_date: date) -> None:
    if len(features) < FEWEST or not (np.nanstd(features, axis=0) > 0).any():
        raise ModelRejected(
            f"segments of {as_of_date}",
            expected=f"at least {FEWEST} customers who bought in a year or subscribe, and behave differently",
            got=f"{len(features)} customers",
            next_step="build the date first, or load more history",
        )


def _names(count: int, kept: Mapping[int, str], old: Sequence[tuple[str, object]]) -> list[str]:
    """Return a name for each cluster: the old one, or the next number that was never in use before."""
    number = max((int(name[1:]) for name, _ in old), default=0)
    names = []
    for place in range(count):
        if place not in kept:
            number += 1
        names.append(kept.get(place, f"S{number}"))
    return names


def _titles(clustering: Clustering) -> list[str]:
    """Return what each segment differs by, its two strongest differences from the whole base first."""
    titles = []
    for row in clustering.model.cluster_centers_ - clustering.scaled.mean(axis=0):
        strongest = [place for place in np.argsort(-np.abs(row))[:2] if abs(row[place]) >= APART]
        words = [BEHAVIOUR[NAMES[clustering.columns[place]]][0 if row[place] > 0 else 1] for place in strongest]
        titles.append(", ".join(words) or "like most")
    return titles


def _write(
    connection: extensions.connection,
    clustering: Clustering,
    names: Sequence[str],
    titles: Sequence[str],
    centres: Sequence[dict[str, float]],
    *,
    as_of_date: date,
    run: str,
    now: datetime,
) -> list[int]:
    """Replace the rows of a date; return how many customers each cluster has. The caller commits."""
    counts = np.zeros(len(names), dtype=np.int64)
    assigned: list[tuple[npt.NDArray[np.bytes_], npt.NDArray[np.int64], Floats]] = []
    for keys, features in _read(connection, as_of_date, False):
        clusters, distances = clustering.assign(features)
        counts += np.bincount(clusters, minlength=len(names))
        assigned.append((keys["customer_id"], clusters, distances))
    with connection.cursor() as cursor:
        cursor.execute("delete from ml.segment_profile where as_of_date = %s", [as_of_date])
        execute_values(
            cursor,
            "insert into ml.segment_profile (as_of_date, segment, title, customers, centre, mlflow_run, computed_at)"
            " values %s",
            [
                (as_of_date, name, title, int(count), Json(centre), run, now)
                for name, title, count, centre in zip(names, titles, counts, centres, strict=True)
            ],
        )
        lines = (
            f"{text(customer.decode())}\t{as_of_date}\t{names[cluster]}\t{distance!r}"
            for customers, clusters, distances in assigned
            for customer, cluster, distance in zip(
                customers.tolist(), clusters.tolist(), distances.tolist(), strict=True
            )
        )
        copy_in(cursor, "ml.segment", ["customer_id", "as_of_date", "segment", "distance"], lines)
    return [int(count) for count in counts]


def _log(found: Segments, clustering: Clustering) -> None:
    import mlflow

    columns = ", ".join(NAMES[place] for place in clustering.columns)
    mlflow.log_params({"method": "k-means", "segments": len(found.profiles), "columns": columns})
    mlflow.log_metrics({"silhouette": found.silhouette, "kept_names": found.kept})
    mlflow.log_metrics({f"customers.{one.name}": one.customers for one in found.profiles})
    mlflow.log_dict({one.name: {"title": one.title, "centre": one.centre} for one in found.profiles}, "segments.json")
