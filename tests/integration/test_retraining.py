"""When to train again: without a champion, after a week, and when the watch saw the model move."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from forewarn import retraining
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.stages import Run
from forewarn.warehouse.engine import dsn

PROJECT = Path(__file__).resolve().parents[2]
DAY = date(2026, 6, 3)
WATCH = (
    "insert into ml.watch (as_of_date, definition, kind, subject, value, bound, verdict, said, model_name,"
    " model_version, watched_at)"
    " values (%s, 'non_contractual', %s, %s, 1, 1, %s, %s, 'churn_non_contractual', %s, now())"
)
TRIED = (
    "insert into ml.decision (as_of_date, run_id, definition, model_name, candidate, outcome, reason, decided_at)"
    " values (%s, 'r', 'non_contractual', 'churn_non_contractual', %s, %s, 'no better', %s)"
)


class _Version:
    version = 7  # as MLflow gives it, whatever its types say

    def __init__(self, trained_at: datetime) -> None:
        self.creation_timestamp = trained_at.timestamp() * 1000


@pytest.fixture
def installation(postgres, template, tmp_path, monkeypatch):
    """A warehouse with a watch; the registry's champion is made by `champion`."""
    url = postgres.ensure_database("retraining", template=template)
    settings = Settings(PROJECT, PROJECT / "config", tmp_path, url, f"sqlite:///{tmp_path / 'mlflow.db'}")
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    connection.cursor().execute("truncate ml.watch, ml.decision")

    def ask(
        version: _Version | None, *watched: tuple[object, ...], tried: tuple[object, ...] = ()
    ) -> dict[str, object]:
        monkeypatch.setattr("churn_model.has_champion", lambda *_: version is not None)
        monkeypatch.setattr("churn_model.registry.find_champion", lambda *_: version)
        monkeypatch.setattr("churn_model.registry.open_store", lambda _: None)
        for row in watched:
            connection.cursor().execute(WATCH, row)
        if tried:
            connection.cursor().execute(TRIED, tried)
        return dict(retraining.is_due(settings, Run(DAY, "r", datetime(2026, 6, 3, 9, tzinfo=UTC))))

    yield ask
    connection.close()


NEW = _Version(datetime(2026, 6, 1, tzinfo=UTC))
YESTERDAY = DAY - timedelta(days=1)


@pytest.mark.capability("C30")
def test_without_a_champion_it_is_due(installation):
    assert installation(None) == {"due": True, "reason": "there is no champion of forewarn.yml's definition"}


@pytest.mark.capability("C30")
def test_after_a_week_it_is_due_and_before_it_is_not(installation):
    assert installation(_Version(datetime(2026, 5, 27, 9, tzinfo=UTC)))["due"] is True
    assert installation(_Version(datetime(2026, 5, 27, 10, tzinfo=UTC)))["due"] is False


@pytest.mark.capability("C30")
@pytest.mark.parametrize(
    ("watched", "due"),
    [
        ((YESTERDAY, "drift", "all features", "hold", "drift in 3 features", "7"), True),
        ((YESTERDAY, "calibration", "live scores", "warn", "promised 100, and 150 left", "7"), True),
        ((YESTERDAY, "calibration", "earlier versions", "warn", "an earlier version was off", "7"), False),
        ((YESTERDAY, "drift", "mrr", "warn", "a feature moved", "7"), False),
        ((YESTERDAY, "calibration", "live scores", "hold", "an earlier version was off", "6"), False),
        ((DAY + timedelta(days=1), "drift", "all features", "hold", "not known yet", "7"), False),
    ],
)
def test_a_model_that_moved_is_due_for_the_reason_that_was_seen(installation, watched, due):
    found = installation(NEW, watched)
    assert found["due"] is due
    assert (str(watched[4]) in str(found["reason"])) is due


HELD = ("drift", "all features", "hold", "drift in 3 features", "7")


@pytest.mark.capability("C30")
@pytest.mark.parametrize(
    ("watched", "tried_on", "due", "reason"),
    [
        ([(YESTERDAY, *HELD), (DAY, *HELD)], YESTERDAY, False, "tried on 2026-06-02, and nothing new was seen since"),
        ([(DAY, *HELD)], YESTERDAY, True, "drift in 3 features"),
        ([(YESTERDAY, *HELD), (DAY, "gap", *HELD[1:3], "a gap", "7")], YESTERDAY, True, "a gap"),
        ([(DAY - timedelta(days=8), *HELD), (DAY, *HELD)], DAY - timedelta(days=7), True, "trained on 2026-05-20"),
    ],
    ids=["held on since", "held since", "something else since", "a week ago"],
)
def test_what_the_watch_saw_is_a_reason_once_and_then_the_week_counts_again(
    installation, watched, tried_on, due, reason
):
    decided = datetime(tried_on.year, tried_on.month, tried_on.day, 9, tzinfo=UTC)
    old = _Version(datetime(2026, 5, 20, tzinfo=UTC))
    found = installation(old, *watched, tried=(tried_on, "logistic", "refused", decided))
    assert (found["due"], reason in str(found["reason"])) == (due, True)


@pytest.mark.capability("C30")
def test_a_trial_counts_as_a_try_and_a_champion_that_could_not_be_reached_does_not(installation):
    old, yesterday = _Version(datetime(2026, 5, 20, tzinfo=UTC)), datetime(2026, 6, 2, 9, tzinfo=UTC)
    assert installation(old, tried=(YESTERDAY, "logistic", "kept", yesterday))["due"] is True
    assert installation(old, tried=(YESTERDAY, None, "kept", yesterday))["due"] is False


@pytest.mark.capability("C30")
def test_a_model_that_is_rejected_leaves_its_reason_and_stops_nothing(tmp_path, monkeypatch):
    settings = Settings(PROJECT, PROJECT / "config", tmp_path, "postgresql://", "sqlite://")
    run = Run(DAY, "r", datetime(2026, 6, 3, 9, tzinfo=UTC))

    def rejects(*_: object, **__: object) -> None:
        raise ModelRejected("training data", expected="100 customers", got="60", next_step="wait")

    monkeypatch.setattr("churn_model.train", rejects)
    monkeypatch.setattr("churn_model.drivers.find_drivers", rejects)
    monkeypatch.setattr("churn_model.segments.find_segments", rejects)
    monkeypatch.setattr("churn_model.suggestions.find_suggestions", rejects)
    said = "training data: expected 100 customers, got 60. Next: wait"
    assert retraining.retrain(settings, run) == {"trained": False, "rejected": said}
    for stage in (retraining.find_drivers, retraining.find_segments, retraining.find_suggestions):
        assert stage(settings, run) == {"rejected": said}
