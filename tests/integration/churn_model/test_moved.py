"""Two scores of one customer, read from where they are kept, and what moved the one to the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import skops.io
from unfitted import candidate

import churn_model
from churn_model.explanation import features_of
from churn_model.features import NAMES
from churn_model.movement import explain_movement
from churn_model.registry import open_store, sha256_of
from churn_model.snapshots import read_snapshots
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect


@pytest.fixture(scope="module")
def warehouse_url(postgres, trained):
    """A copy of the planted base with a crosswalk."""
    url = postgres.ensure_database("moved", template="trained_base")
    with connect(url) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "create table marts.customer_crosswalk as"
            " select distinct 'crm' as source, customer_id as account_id, customer_id from marts.churn_features"
        )
    return url


@pytest.fixture
def moved(trained, warehouse_url, project, as_of_date, now):
    """Score two dates, each by its configuration, and explain the movement of one customer that moved most."""
    settings = replace(trained.settings, warehouse_url=warehouse_url)
    days = (as_of_date - timedelta(days=30), as_of_date)

    def explain(first: dict[str, str], second: dict[str, str], *, told: tuple[int, int] = (0, 1), between=lambda: None):
        for day, parts in zip(days, (first, second), strict=True):
            if day == days[1]:
                between()
            churn_model.score(settings, project, as_of_date=day, run_id="r", now=now, configuration=parts)
        with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select a.customer_id from ml.score as a join ml.score as b using (customer_id)"
                " where a.as_of_date = %s and b.as_of_date = %s order by b.probability - a.probability desc limit 1",
                days,
            )
            (customer,) = cursor.fetchone()
            kept = [features_of(connection, customer, day)[1] for day in days]
        return explain_movement(
            settings,
            project,
            f"crm:{customer}",
            dates=days,
            # What each date would be told as today: by default as it was.
            restate=lambda *_: [kept[place] for place in told],
            reads={"order": NAMES, "words": ["complaint_topics_90d"]},
            configuration=second,
        )

    explain.settings, explain.days = settings, days
    return explain


SAME = {"churn": "c", "order": "o", "words": "w"}


@pytest.mark.capability("B9")
@pytest.mark.parametrize(
    ("second", "told", "cause"),
    [
        (SAME, (0, 1), "behaviour"),
        (SAME, (1, 1), "data correction"),
        (SAME | {"words": "new"}, (1, 1), "data correction"),
        (SAME | {"order": "new"}, (1, 1), "configuration"),
    ],
)
def test_one_change_gets_the_blame(moved, second, told, cause):
    found = moved(SAME, second, told=told)
    before, after = found.probabilities
    assert after - before > 0.1
    assert found.total > 0
    assert found.share(cause) >= 0.95
    assert found.changed == tuple(name for name in SAME if SAME[name] != second[name])
    assert found.models == ("churn_non_contractual version 1",) * 2


@pytest.fixture
def another_champion(moved, trained, project, as_of_date, tmp_path):
    """Make a model of another kind champion when called; afterwards the first is champion again."""
    client, name = open_store(trained.settings), trained.report.model
    tags = dict(client.get_model_version(name, "1").tags)
    kind = "boosting" if tags["candidate"] == "logistic" else "logistic"
    with connect(moved.settings.warehouse_url) as connection:
        learnt = read_snapshots(connection, project.churn, as_of_date=as_of_date)
    model = candidate(kind, len(learnt.churned)).fit(learnt.features, learnt.churned)
    skops.io.dump(model, tmp_path / "model.skops")
    tags |= {"candidate": kind, "sha256": sha256_of(tmp_path / "model.skops")}
    version = client.create_model_version(name, source=tmp_path.as_uri(), tags=tags).version
    yield lambda: client.set_registered_model_alias(name, "champion", version)
    client.set_registered_model_alias(name, "champion", "1")
    client.delete_model_version(name, version)


@pytest.mark.capability("B9")
def test_a_model_that_took_the_place_of_another_gets_the_blame_for_customers_who_did_nothing(moved, another_champion):
    before, day = moved.days
    same = ", ".join(f"{name} = earlier.{name}" for name in NAMES)
    with connect(moved.settings.warehouse_url) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            f"update marts.churn_features as later set {same} from marts.churn_features as earlier"
            " where earlier.customer_id = later.customer_id and earlier.as_of_date = %s and later.as_of_date = %s",
            [before, day],
        )
    found = moved(SAME, SAME, between=another_champion)
    assert len(set(found.models)) == 2
    assert found.probabilities[1] - found.probabilities[0] > 0.01
    assert found.share("model") >= 0.95
    odds = [float(np.log(one / (1 - one))) for one in found.probabilities]
    assert found.total == pytest.approx(odds[1] - odds[0])


@pytest.mark.capability("B9")
def test_a_date_that_was_not_scored_is_named(moved, project):
    with pytest.raises(Permanent, match="expected a score of 2020-01-01, got none"):
        explain_movement(
            moved.settings,
            project,
            "crm:c00000",
            dates=(moved.days[0].replace(year=2020, month=1, day=1), moved.days[1]),
            restate=lambda *_: [],
            reads={},
            configuration={},
        )
    with pytest.raises(Permanent, match="customer nobody: expected one customer_id"):
        explain_movement(
            moved.settings, project, "nobody", dates=moved.days, restate=lambda *_: [], reads={}, configuration={}
        )
