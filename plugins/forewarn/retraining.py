"""The stages of the week: train again when it is due, and say what the model learned of the company.

As those of the day, each runs alone, again, and for one as-of date; heavy work that a night does not wait for.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from psycopg2 import extensions

from forewarn.config.project import Churn, Project, load_project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.stages import Run, Summary
from forewarn.warehouse.engine import connect

EVERY_DAYS = 7


def is_due(settings: Settings, run: Run) -> Summary:
    """Tell whether to train again, and why: there is no champion, a week has passed, or the watch has seen it move.

    What was seen is a reason once. A training that changed nothing is tried again after a week, like any other.
    """
    settings = settings.as_service("scorer")
    due, reason = _due(settings, load_project(settings.config), run.as_of_date, run.now)
    return {"due": due, "reason": reason}


def retrain(settings: Settings, run: Run) -> Summary:
    """Decide on the challenger, and train another on what has come since where none is on trial.

    A model that is rejected leaves the champion where it is, and its reason here.
    """
    settings = settings.as_service("scorer")
    from churn_model import has_champion, promote, train
    from churn_model.registry import CHALLENGER, has_alias

    project = load_project(settings.config)
    try:
        if has_champion(settings, project) and has_alias(settings, project, CHALLENGER):
            found = promote(settings, project, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
            if found.on_trial:
                return {"trained": False, "skipped": f"version {found.challenger}: {found.verdict.reason}"}
        report = train(settings, project, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
    except ModelRejected as rejected:
        return {"trained": False, "rejected": str(rejected)}
    return {"trained": True, "model": report.model, "version": report.version, "reason": report.reason}


def find_drivers(settings: Settings, run: Run) -> Summary:
    """Measure what the company's churn hangs on; without a fit model there is nothing to measure it by."""
    settings = settings.as_service("scorer")
    from churn_model.drivers import find_drivers as find

    try:
        found = find(settings, load_project(settings.config), as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
    except ModelRejected as rejected:
        return {"rejected": str(rejected)}
    return {"families": len(found.families), "first": found.families[0].family, "customers": found.customers}


def find_segments(settings: Settings, run: Run) -> Summary:
    """Group the customers by how they behave; a base that is too small has no segments."""
    settings = settings.as_service("scorer")
    from churn_model.segments import find_segments as find

    try:
        found = find(settings, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
    except ModelRejected as rejected:
        return {"rejected": str(rejected)}
    return {"segments": len(found.profiles), "kept": found.kept, "silhouette": found.silhouette}


def find_suggestions(settings: Settings, run: Run) -> Summary:
    """Suggest what each customer would buy besides; reads orders and the names of articles, and so as the owner."""
    from churn_model.suggestions import find_suggestions as find

    try:
        found = find(settings, as_of_date=run.as_of_date, run_id=run.run_id, now=run.now)
    except ModelRejected as rejected:
        return {"rejected": str(rejected)}
    return {"rules": found.rules, "customers": found.customers, "hit_rate": found.hit_rate}


def _due(settings: Settings, project: Project, as_of_date: date, now: datetime) -> tuple[bool, str]:
    from churn_model import has_champion
    from churn_model.registry import find_champion, open_store

    has = has_champion(settings, project)
    champion = find_champion(open_store(settings), project.churn) if has else None
    # MLflow gives a number where it says text.
    version = str(champion.version) if champion else ""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        tried = _last_tried(cursor, project.churn, as_of_date)
        seen = _moved(cursor, project.churn, version, as_of_date, known=tried.as_of_date if tried else None)
    if seen:
        return True, f"{seen[0]}: {seen[1]}"
    if tried and now - tried.decided_at < timedelta(days=EVERY_DAYS):
        return False, f"tried on {tried.decided_at:%Y-%m-%d}, and nothing new was seen since: {tried.reason}"
    if not has:
        return True, "there is no champion of forewarn.yml's definition"
    trained_at = datetime.fromtimestamp((champion.creation_timestamp if champion else 0) / 1000, UTC)
    if now - trained_at >= timedelta(days=EVERY_DAYS):
        return True, f"version {version} was trained on {trained_at:%Y-%m-%d}"
    return False, f"version {version} is of {trained_at:%Y-%m-%d} and holds"


class _Tried(NamedTuple):
    as_of_date: date
    decided_at: datetime
    reason: str


def _last_tried(cursor: extensions.cursor, churn: Churn, as_of_date: date) -> _Tried | None:
    """Return the newest training or trial; a champion that could not be reached (kept, with its candidate) is none."""
    cursor.execute(
        "select as_of_date, decided_at, reason from ml.decision where definition = %s and as_of_date <= %s"
        " and (outcome <> 'kept' or candidate is null) order by decided_at desc limit 1",
        [churn.definition, as_of_date],
    )
    row = cursor.fetchone()
    return _Tried(*row) if row else None


def _moved(
    cursor: extensions.cursor, churn: Churn, version: str, as_of_date: date, *, known: date | None
) -> tuple[date, str] | None:
    """Return the day and the words of what the watch saw of a version, but not what it had seen by the day `known`.

    What an earlier version promised is no reason: training again would not change it.
    """
    cursor.execute(
        "select as_of_date, said from ml.watch as seen where definition = %(definition)s"
        " and as_of_date <= %(as_of_date)s and model_version = %(version)s"
        " and (verdict = 'hold' or (verdict = 'warn' and kind in ('calibration', 'lift', 'scores')"
        " and subject <> 'earlier versions'))"
        " and not exists (select from ml.watch as before where before.definition = seen.definition"
        " and before.kind = seen.kind and before.subject = seen.subject and before.verdict = seen.verdict"
        " and before.model_version = seen.model_version and before.as_of_date <= %(known)s)"
        " order by as_of_date desc, verdict limit 1",
        {"definition": churn.definition, "as_of_date": as_of_date, "version": version, "known": known},
    )
    return cursor.fetchone()
