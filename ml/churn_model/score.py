"""Score the eligible customers of one as-of date, and write them with their reasons in one transaction."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
from psycopg2 import extensions, sql

from churn_model import decisions
from churn_model.arms import CHAMPIONS, EVERYBODY, arms
from churn_model.champion import load_champion
from churn_model.columns import demand_columns
from churn_model.copy_in import copy_in, text
from churn_model.economy import no_cycles, one_thread
from churn_model.explain import Explainer
from churn_model.features import NAMES
from churn_model.reader import Floats, read_batches
from churn_model.registry import Champion
from churn_model.trust import demand_trust
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect
from forewarn.warehouse.late import late_features

_log = logging.getLogger(__name__)

EXPLAINED_SHARE = 0.20
EXPLAINED_ROWS = 5_000  # sentences of a batch are objects by the dozen a customer
CONSTANT_SPREAD = 1e-9
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class Scored:
    """Scores of one as-of date, highest first; customers with equal scores in the order of their numbers.

    `sample` are the features of some of them, (k, len(NAMES)): the first by customer_id, which is a digest.
    """

    customers: npt.NDArray[np.bytes_]
    probabilities: Floats
    sample: Floats

    def explained(self, threshold: float) -> int:
        """Return how many from the top get reasons: all at or above the threshold, and at least the top fifth."""
        return max(math.ceil(EXPLAINED_SHARE * len(self.customers)), int((self.probabilities >= threshold).sum()))


@dataclass(frozen=True, slots=True)
class Explained:
    """Why one score is high.

    Attributes
    ----------
    reasons : str
        As JSON.
    unknown : float or None
        What the features of late streams add to it, in log-odds; None where nothing is late.
    """

    reasons: str
    unknown: float | None


def score(
    settings: Settings,
    project: Project,
    *,
    as_of_date: date,
    run_id: str,
    now: datetime,
    configuration: Mapping[str, str] | None = None,
    champion: Champion | None = None,
) -> int:
    """Score every eligible customer of an as-of date with the champion; replaces that date's scores.

    Where `model.challenged_share` gives some of the customers to the challenger, it scores those.

    Parameters
    ----------
    configuration : dict, optional
        Part → digest of what the features were built and the model was trained by; kept with the scores.
    champion : Champion, optional
        As `load_champion` returned it, where the caller has to know what it is; loaded otherwise.

    Returns
    -------
    int
        Customers scored.

    Raises
    ------
    ModelRejected
        No fit champion, a feature is missing or retyped, nobody to score, scores that are NaN or all equal, or that
        are not to be trusted (`churn_model.trust`). No score has been written then.
    """
    champion = champion or load_champion(settings, project)
    url = settings.warehouse_url
    with connect(url) as connection, connect(url) as reader:
        demand_columns(connection, NAMES)
        with connection.cursor() as cursor:
            late = late_features(cursor, [as_of_date])
        made_by = _keep_configuration(connection, configuration, now=now) if configuration else None
        customers = 0
        for arm, model, among in arms(settings, project, champion):
            scored = predict(connection, model, project.churn, as_of_date, among=among)
            if arm == CHAMPIONS:
                demand_trust(
                    connection,
                    model,
                    scored,
                    project.churn,
                    as_of_date=as_of_date,
                    now=now,
                    late=late,
                    bounds=project.model.watch,
                )
            top = explain_top(reader, model, scored, as_of_date, project.currency, late=late)
            replace_scores(
                connection,
                model,
                scored,
                top,
                churn=project.churn,
                as_of_date=as_of_date,
                now=now,
                configuration=made_by,
                arm=arm,
            )
            customers += len(scored.customers)
        connection.commit()
        if champion.note:
            _log.warning("%s", champion.note)
            decisions.keep(
                connection,
                as_of_date=as_of_date,
                run_id=run_id,
                definition=project.churn.definition,
                model=champion.name,
                version=champion.version,
                candidate=champion.candidate,
                outcome="kept",
                reason=champion.note,
                now=now,
            )
    return customers


def predict(
    connection: extensions.connection,
    champion: Champion,
    churn: Churn,
    as_of_date: date,
    *,
    among: sql.Composable = EVERYBODY,
) -> Scored:
    """Return the probabilities of the eligible customers that `among`, a condition on `f.customer_id`, leaves.

    Raises
    ------
    ModelRejected
        Nobody is eligible, or the scores are NaN or all equal.
    """
    customers, probabilities = [], []
    sample = np.empty((0, len(NAMES)))
    for ids, features in eligible_batches(connection, churn, as_of_date, among=among):
        customers.append(ids)
        sample = np.concatenate([sample, features[: SAMPLE_ROWS - len(sample)]])
        with one_thread():
            probabilities.append(champion.model.predict_proba(features)[:, 1])
    subject = f"scores of {as_of_date} by {champion.name} version {champion.version}"
    if not customers:
        raise ModelRejected(
            subject,
            expected="eligible customers in marts.churn_features and marts.churn_labels",
            got="none",
            next_step="build the marts for this date, or check churn.eligible_days in forewarn.yml",
        )
    scored = _ranked(customers, np.concatenate(probabilities), sample)
    demand_sane(scored.probabilities, subject)
    return scored


def eligible_batches(
    connection: extensions.connection, churn: Churn, as_of_date: date, *, among: sql.Composable = EVERYBODY
) -> Iterator[tuple[npt.NDArray[np.bytes_], Floats]]:
    """Yield customers (n,) and features (n, len(NAMES)) of the eligible ones of a date, in batches."""
    query = sql.SQL(
        "select f.customer_id, {columns} from marts.churn_features f join marts.churn_labels l"
        " on l.customer_id = f.customer_id and l.as_of_date = f.as_of_date"
        " and l.definition = {definition} and l.horizon_days = {horizon}"
        # In one order whatever the plan: the last digit of a product of matrices depends on a row's place in it.
        ' where f.as_of_date = {as_of_date} and l.eligible and {among} order by f.customer_id collate "C"'
    ).format(
        columns=_columns(),
        definition=sql.Literal(churn.definition),
        horizon=sql.Literal(churn.horizon_days),
        as_of_date=sql.Literal(as_of_date),
        among=among,
    )
    for keys, features in read_batches(connection, query, keys=["customer_id"], numbers=NAMES):
        yield keys["customer_id"], features


def explain_top(
    connection: extensions.connection,
    champion: Champion,
    scored: Scored,
    as_of_date: date,
    currency: str,
    *,
    late: Collection[str] = (),
) -> Iterator[Explained]:
    """Yield the reasons of the customers who get any: those at the top, in the order of `scored`.

    `late` are features that are unknown since a stream is late: what that adds to each score is told apart.
    Their features are read a second time, so that memory holds one batch of features and of sentences and never all of
    them. The connection is busy until the last is taken: they are written over another.
    """
    top = scored.explained(champion.threshold)
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists pg_temp.explained")
        cursor.execute("create temporary table explained (customer_id text, place integer) on commit drop")
        ids = (customer.decode() for customer in scored.customers[:top].tolist())
        copy_in(cursor, "explained", ["customer_id", "place"], (f"{text(id_)}\t{n}" for n, id_ in enumerate(ids)))
        cursor.execute("analyze explained")
    query = sql.SQL(
        "select {columns} from explained e join marts.churn_features f on f.customer_id = e.customer_id"
        " where f.as_of_date = {as_of_date} order by e.place"
    ).format(columns=_columns(), as_of_date=sql.Literal(as_of_date))
    explainer = Explainer(champion.model, currency=currency)
    encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
    places_late = [place for place, name in enumerate(NAMES) if name in late]
    for _, batch in read_batches(connection, query, keys=[], numbers=NAMES, rows=EXPLAINED_ROWS):
        with no_cycles():
            contributions = explainer.contributions(batch)
            unknown = contributions[:, places_late].sum(axis=1).tolist()
            found = [
                Explained(encode([reason.as_dict() for reason in said]), added if places_late else None)
                for said, added in zip(explainer.reasons(batch, contributions), unknown, strict=True)
            ]
        yield from found


def _columns() -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("f.{}").format(sql.Identifier(name)) for name in NAMES)


def _ranked(batches: list[npt.NDArray[np.bytes_]], probabilities: Floats, sample: Floats) -> Scored:
    """Rank the customers of some batches; the list is emptied, so that memory holds them twice and not three times."""
    # They come in the order of their numbers, which those with equal scores keep.
    order = np.argsort(-probabilities, kind="stable")
    customers = np.concatenate(batches)
    batches.clear()
    return Scored(customers[order], probabilities[order], sample)


def demand_sane(probabilities: Floats, subject: str) -> None:
    """Refuse scores that say nothing.

    Raises
    ------
    ModelRejected
        Some are no numbers, or all are equal.
    """
    bad = int((~np.isfinite(probabilities)).sum())
    if bad:
        raise ModelRejected(
            subject,
            expected="a probability for every customer",
            got=f"{bad} of {len(probabilities)} not a number",
            next_step="train a champion with `forewarn model train`",
        )
    if len(probabilities) > 1 and float(np.ptp(probabilities)) < CONSTANT_SPREAD:
        raise ModelRejected(
            subject,
            expected="scores that differ between customers",
            got=f"{probabilities[0]:.4f} for all {len(probabilities)}",
            next_step="check that the features of this date are filled, then train again",
        )


def _keep_configuration(connection: extensions.connection, parts: Mapping[str, str], *, now: datetime) -> str:
    """Keep a configuration that is new, and return its name: the digest of its parts."""
    content = json.dumps(dict(sorted(parts.items())))
    name = hashlib.sha256(content.encode()).hexdigest()[:16]
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ml.configuration (configuration, parts, first_used_at) values (%s, %s, %s)"
            " on conflict (configuration) do nothing",
            [name, content, now],
        )
    return name


def replace_scores(
    connection: extensions.connection,
    champion: Champion,
    scored: Scored,
    top: Iterator[Explained],
    *,
    churn: Churn,
    as_of_date: date,
    now: datetime,
    configuration: str | None = None,
    arm: str = CHAMPIONS,
) -> None:
    """Replace the scores of one date and definition; the caller commits. `top` are the reasons of the first.

    The champion's arm comes first, and takes back those of the other.
    """
    with connection.cursor() as cursor:
        if arm == CHAMPIONS:
            cursor.execute(
                "delete from ml.score where as_of_date = %s and definition = %s", [as_of_date, churn.definition]
            )
        shared = (as_of_date.isoformat(), churn.definition, champion.name, champion.version, repr(champion.threshold))
        columns = ["customer_id", "probability", "rank_of_day", "reasons", "as_of_date", "definition", "model_name"]
        columns += ["model_version", "threshold", "scored_at", "configuration", "unknown_contribution", "arm"]
        tail = "\t".join((*shared, now.isoformat(), configuration or "\\N"))

        def lines() -> Iterator[str]:
            place = 0
            # As objects, which are larger than their arrays, only a part at a time.
            for start in range(0, len(scored.customers), EXPLAINED_ROWS):
                part = slice(start, start + EXPLAINED_ROWS)
                customers = [text(customer.decode()) for customer in scored.customers[part].tolist()]
                for customer, probability in zip(customers, scored.probabilities[part].tolist(), strict=True):
                    place += 1
                    said = next(top, None)
                    why, unknown = (text(said.reasons), said.unknown) if said else ("[]", None)
                    late = "\\N" if unknown is None else repr(unknown)
                    yield f"{customer}\t{probability!r}\t{place}\t{why}\t{tail}\t{late}\t{arm}"

        copy_in(cursor, "ml.score", columns, lines())
