"""Champion against challenger on what both said of the same customers, and on what became of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from psycopg2 import extensions, sql
from sklearn.metrics import brier_score_loss, roc_auc_score

from churn_model import arms, contacts, decisions, registry
from churn_model.baseline import recency_frequency
from churn_model.bg_nbd import INPUTS, BgNbd
from churn_model.features import NAMES
from churn_model.promotion import Bout, Verdict, replaces
from churn_model.reader import Floats, read
from churn_model.snapshots import EPOCH
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from rich.console import Group

READ = tuple(dict.fromkeys((*INPUTS, "orders_365d")))


@dataclass(frozen=True)
class Comparison:
    """What the two have shown so far; `print` of rich shows it as a table.

    `bouts` has the figures of each date on which both scored and whose labels have matured; `on_trial` says that there
    are fewer of them than a promotion needs; `split` the arms of the A/B
    split; `past` the newest decisions, (day, outcome, reason). Customers who were contacted within the label window are
    in no figure: `contacted` tells of each date how many they were and how many of them left.
    """

    champion: str
    challenger: str
    bouts: dict[date, Bout]
    verdict: Verdict
    on_trial: bool
    split: list[arms.Arm] = field(default_factory=list)
    past: list[tuple[date, str, str]] = field(default_factory=list)
    contacted: dict[date, tuple[int, int]] = field(default_factory=dict)

    def __rich__(self) -> Group:
        """Return the tables."""
        from churn_model.tables import comparison

        return comparison(self)


def compare(settings: Settings, project: Project, *, as_of_date: date) -> Comparison:
    """Compare champion and challenger on dates at least `churn.snapshot_days` apart with labels matured by the date.

    Raises
    ------
    ModelRejected
        One of the two is missing.
    """
    client = registry.open_store(settings)
    champion, challenger = (
        _version(registry.find_alias(client, project.churn, side), project.churn, side)
        for side in (registry.CHAMPION, registry.CHALLENGER)
    )
    with connect(settings.warehouse_url) as connection:
        bouts, contacted = _bouts(connection, project.churn, as_of_date, champion, challenger)
        split = arms.report(connection, project.churn, as_of_date=as_of_date, versions=[champion, challenger])
        past = _decisions(connection, project.churn)
    simple = [name for name in ("rule", "bg_nbd") if all(name in bout.auc for bout in bouts.values())]
    verdict = replaces(list(bouts.values()), simple, project.model)
    on_trial = len(bouts) < project.model.cutoffs_to_promote
    return Comparison(champion, challenger, bouts, verdict, on_trial, split, past, contacted)


def promote(
    settings: Settings, project: Project, *, as_of_date: date, run_id: str, now: datetime, dry_run: bool = False
) -> Comparison:
    """Make the challenger champion if it has earned it; keep the reason either way.

    The old champion keeps the alias `previous`. A challenger that has had its trial and lost is no longer one, so that
    the next training sends another.

    Raises
    ------
    ModelRejected
        One of the two is missing.
    """
    found = compare(settings, project, as_of_date=as_of_date)
    if dry_run:
        return found
    client, name = registry.open_store(settings), registry.model_name(project.churn)
    outcome = "promoted" if found.verdict.taken else "kept"
    client.set_model_version_tag(name, found.challenger, "verdict", f"{outcome}: {found.verdict.reason}")
    if found.verdict.taken:
        client.set_registered_model_alias(name, registry.PREVIOUS, found.champion)
        client.set_registered_model_alias(name, registry.CHAMPION, found.challenger)
    if not found.on_trial:
        client.delete_registered_model_alias(name, registry.CHALLENGER)
    with connect(settings.warehouse_url) as connection:
        decisions.keep(
            connection,
            as_of_date=as_of_date,
            run_id=run_id,
            definition=project.churn.definition,
            model=name,
            version=found.challenger if found.verdict.taken else found.champion,
            candidate=None,
            outcome=outcome,
            reason=found.verdict.reason,
            now=now,
        )
    return found


def _version(found: ModelVersion | None, churn: Churn, side: str) -> str:
    if found is None:
        raise ModelRejected(
            registry.model_name(churn),
            expected=f"a {side}",
            got="none",
            next_step="train one with `forewarn model train`: the first becomes champion, later ones challengers",
        )
    return str(found.version)


def _bouts(
    connection: extensions.connection, churn: Churn, as_of_date: date, champion: str, challenger: str
) -> tuple[dict[date, Bout], dict[date, tuple[int, int]]]:
    """Return the figures of each date, and how many were contacted and left of these."""
    query = sql.SQL(
        "select s.as_of_date - date '2000-01-01' as day, s.probability as champion, x.probability as challenger,"
        " l.churned::int as churned, (asked.customer_id is not null)::int as contacted, {columns} from ml.score s"
        " join ml.shadow_score x on x.customer_id = s.customer_id and x.as_of_date = s.as_of_date"
        " and x.definition = s.definition and x.model_version = {challenger}"
        " join marts.churn_labels l on l.customer_id = s.customer_id and l.as_of_date = s.as_of_date"
        " and l.definition = s.definition and l.horizon_days = {horizon}"
        " join marts.churn_features f on f.customer_id = s.customer_id and f.as_of_date = s.as_of_date"
        " left join {contacted} as asked on asked.customer_id = s.customer_id and asked.as_of_date = s.as_of_date"
        " where s.definition = {definition} and s.model_version = {champion} and l.is_mature and l.churned is not null"
        " and l.label_matures_on <= {as_of_date} order by s.as_of_date, s.customer_id"
    ).format(
        columns=sql.SQL(", ").join(sql.SQL("f.{}").format(sql.Identifier(name)) for name in READ),
        champion=sql.Literal(champion),
        challenger=sql.Literal(challenger),
        definition=sql.Literal(churn.definition),
        horizon=sql.Literal(churn.horizon_days),
        as_of_date=sql.Literal(as_of_date),
        contacted=contacts.contacted(
            sql.SQL(
                "select distinct as_of_date from ml.shadow_score where definition = {} and model_version = {}"
            ).format(sql.Literal(churn.definition), sql.Literal(challenger)),
            horizon_days=churn.horizon_days,
            since=EPOCH,
            until=as_of_date,
        ),
    )
    numbers = ["day", "champion", "challenger", "churned", "contacted", *READ]
    _, rows = read(connection, query, keys=[], numbers=numbers)
    bouts: dict[date, Bout] = {}
    contacted: dict[date, tuple[int, int]] = {}
    last = -np.inf
    for day in np.unique(rows[:, 0]):
        on, asked = rows[(rows[:, 0] == day) & (rows[:, 4] == 0)], rows[(rows[:, 0] == day) & (rows[:, 4] == 1)]
        # Consecutive days are the same customers again: only dates as far apart as the snapshots count.
        if day - last >= churn.snapshot_days and len(np.unique(on[:, 3])) == 2:
            bouts[of := EPOCH + timedelta(days=int(day))] = _bout(on, churn)
            contacted |= {of: (len(asked), int(asked[:, 3].sum()))} if len(asked) else {}
            last = day
    return bouts, contacted


def _bout(rows: Floats, churn: Churn) -> Bout:
    churned = rows[:, 3]
    scores = {"champion": rows[:, 1], "challenger": rows[:, 2]}
    brier = {side: float(brier_score_loss(churned, score)) for side, score in scores.items()}
    features = np.full((len(rows), len(NAMES)), np.nan)
    for place, name in enumerate(READ):
        features[:, NAMES.index(name)] = rows[:, 5 + place]
    scores["rule"] = recency_frequency(features)
    if churn.definition == "non_contractual":
        with suppress(ValueError):  # nobody bought twice: there is no process to compare with
            scores["bg_nbd"] = BgNbd(churn.horizon_days).fit_process(features).no_purchase(features)
    return Bout({name: float(roc_auc_score(churned, score)) for name, score in scores.items()}, brier)


def _decisions(connection: extensions.connection, churn: Churn) -> list[tuple[date, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select as_of_date, outcome, reason from ml.decision where definition = %s"
            " order by decision_id desc limit 5",
            [churn.definition],
        )
        return list(cursor.fetchall())
