"""Challengers: in the shadow, against the champion, in an arm of their own, and promoted only on what has matured."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg2
import pytest
from planted_base import contact
from rich.console import Console

import churn_model
from churn_model.registry import find_alias, open_store
from forewarn.config.model import Model
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn

_numbers = itertools.count()
BEATS = "case when l.churned then 0.9 else 0.05 end"
LOSES = "case when l.churned then 0.05 else 0.9 end"


@dataclass
class Rivals:
    """A warehouse of the planted base, with champion 1, challenger 2 and the hazard models beside them."""

    settings: Settings
    project: Project
    connection: psycopg2.extensions.connection
    dates: list[date]
    now: datetime

    def score(self, day: date, project: Project | None = None) -> dict[str, int]:
        project = project or self.project
        churn_model.score(self.settings, project, as_of_date=day, run_id="r", now=self.now)
        return churn_model.score_in_shadow(self.settings, project, as_of_date=day, now=self.now)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def past(self, probability: str, days: int) -> None:
        """Let both have scored the oldest dates, the challenger with probabilities of the test's own."""
        with self.connection.cursor() as cursor:
            for day in sorted(self.dates)[:days]:
                self.score(day)
            cursor.execute(
                f"update ml.shadow_score s set probability = {probability} from marts.churn_labels l"
                " where l.customer_id = s.customer_id and l.as_of_date = s.as_of_date"
            )

    def promote(self, **more: Any) -> churn_model.Comparison:
        asked = {"as_of_date": self.dates[0], "run_id": "r", "now": self.now}
        return churn_model.promote(self.settings, self.project, **asked, **more)

    def alias(self, name: str) -> str | None:
        found = find_alias(open_store(self.settings), self.project.churn, name)
        return None if found is None else str(found.version)


@pytest.fixture(scope="module")
def installed(plant, project, as_of_date, now) -> tuple[Settings, Project, list[date]]:
    """Two trainings of one base; each test works on a copy of the base."""
    settings, base = plant("rivals", snapshots=7)
    trying = project.model_copy(update={"model": Model(candidates=["rule", "logistic", "hazard"])})
    reports = [
        churn_model.train(settings, trying, as_of_date=as_of_date, run_id=f"r{number}", now=now) for number in (1, 2)
    ]
    assert [report.role for report in reports] == ["champion", "challenger"]
    return settings, trying, base.dates


@pytest.fixture
def rivals(installed, postgres: EmbeddedServer, now) -> Iterator[Rivals]:
    settings, project, dates = installed
    url = postgres.ensure_database(f"rivals_{next(_numbers)}", template="rivals_base")
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    client = open_store(settings)
    before = client.get_registered_model("churn_non_contractual").aliases
    yield Rivals(replace(settings, warehouse_url=url), project, connection, dates, now)
    connection.close()
    for name in client.get_registered_model("churn_non_contractual").aliases:
        client.delete_registered_model_alias("churn_non_contractual", name)
    for name, version in before.items():
        client.set_registered_model_alias("churn_non_contractual", name, version)


@pytest.mark.capability("C29")
def test_champion_and_challenger_score_the_same_day_and_only_the_champion_is_heard(rivals: Rivals) -> None:
    assert rivals.score(rivals.dates[0]) == {"challenger": 270, "horizons": 270}
    champion, challenger = rivals.alias("champion"), rivals.alias("challenger")
    assert champion != challenger
    assert rivals.rows("select model_version, arm, count(*) from ml.score group by 1, 2") == [(champion, "a", 270)]
    assert rivals.rows(
        "select role, model_version, count(*), bool_or(outlook is not null) from ml.shadow_score"
        " group by 1, 2 order by 1"
    ) == [("challenger", challenger, 270, False), ("horizons", rivals.alias("horizons"), 270, True)]
    outlook = rivals.rows("select outlook from ml.shadow_score where role = 'horizons' limit 1")[0][0]
    assert set(outlook) == {"30", "60", "90", "180", "expected_days"}


def test_scoring_a_day_again_replaces_its_shadow_scores(rivals: Rivals) -> None:
    query = "select customer_id, role, probability, outlook::text from ml.shadow_score order by 1, 2"
    rivals.score(rivals.dates[0])
    first = rivals.rows(query)
    rivals.score(rivals.dates[0])
    assert rivals.rows(query) == first


@pytest.mark.capability("C30")
def test_a_challenger_that_was_better_on_five_matured_cut_offs_becomes_champion(rivals: Rivals) -> None:
    champion, challenger = rivals.alias("champion"), rivals.alias("challenger")
    rivals.past(BEATS, days=5)
    assert rivals.promote(dry_run=True).verdict.taken
    assert rivals.alias("champion") == champion, "a dry run changes nothing"
    found = rivals.promote()
    assert (rivals.alias("champion"), rivals.alias("previous"), rivals.alias("challenger")) == (
        challenger,
        champion,
        None,
    )
    assert rivals.rows("select outcome, model_version, reason from ml.decision order by decision_id desc limit 1") == [
        ("promoted", challenger, found.verdict.reason)
    ]
    tags = open_store(rivals.settings).get_model_version("churn_non_contractual", str(challenger)).tags
    assert tags["verdict"] == f"promoted: {found.verdict.reason}"
    rivals.score(rivals.dates[0])
    assert rivals.rows("select distinct model_version from ml.score where as_of_date = '2026-06-03'") == [(challenger,)]


@pytest.mark.capability("C30")
@pytest.mark.parametrize(
    ("probability", "days", "reason", "left"),
    [
        (BEATS, 4, "4 matured cut-offs that both scored of the 5 that a promotion needs", True),
        (LOSES, 5, "it does not beat champion", False),
    ],
    ids=["on trial", "lost"],
)
def test_otherwise_the_champion_stays_and_the_reason_is_kept(
    rivals: Rivals, probability: str, days: int, reason: str, left: bool
) -> None:
    champion = rivals.alias("champion")
    rivals.past(probability, days)
    assert reason in rivals.promote().verdict.reason
    assert rivals.alias("champion") == champion
    assert (rivals.alias("challenger") is not None) is left, "one that lost makes room for the next"
    ((outcome, kept),) = rivals.rows("select outcome, reason from ml.decision order by decision_id desc limit 1")
    assert outcome == "kept"
    assert reason in kept
    if left:
        out = StringIO()
        Console(file=out, width=100).print(
            churn_model.compare(rivals.settings, rivals.project, as_of_date=rivals.dates[0])
        )
        assert "The champion stays: 4 matured cut-offs" in out.getvalue()
        assert out.getvalue().count("2025-") + out.getvalue().count("2026-") >= 4


@pytest.mark.capability("B11")
def test_customers_who_were_contacted_within_the_label_window_are_in_no_figure(rivals: Rivals) -> None:
    first, second = sorted(rivals.dates)[:2]
    with rivals.connection.cursor() as cursor:
        contact(cursor, "eligible and customer_id < 'c00100'", second - timedelta(days=1))
    # Wrong about exactly those who were contacted: their labels would have made it lose.
    rivals.past(f"case when l.customer_id < 'c00100' then {LOSES} else {BEATS} end", days=2)
    found = churn_model.compare(rivals.settings, rivals.project, as_of_date=rivals.dates[0])
    ((asked, left),) = rivals.rows(
        "select count(*), count(*) filter (where churned) from marts.churn_labels"
        f" where as_of_date = '{first}' and eligible and customer_id < 'c00100'"
    )
    assert found.contacted == {first: (asked, left)}, "on the second date the message was of the day before"
    assert found.bouts[first].auc["challenger"] == 1.0
    assert found.bouts[second].auc["challenger"] < 1.0
    out = StringIO()
    Console(file=out, width=200).print(found)
    assert f"in none of the figures: {first} {asked}, of whom {left} left." in out.getvalue()


def test_labels_that_had_not_closed_by_the_day_are_no_evidence(rivals: Rivals) -> None:
    rivals.past(BEATS, days=7)
    early = churn_model.compare(rivals.settings, rivals.project, as_of_date=sorted(rivals.dates)[3])
    assert list(early.bouts) == sorted(rivals.dates)[:2]


@pytest.mark.capability("C29")
def test_an_ab_split_gives_the_same_customers_to_the_challenger_each_day_and_reports_both_arms(rivals: Rivals) -> None:
    split = rivals.project.model_copy(
        update={"model": rivals.project.model.model_copy(update={"challenged_share": 0.3})}
    )
    for day in sorted(rivals.dates)[:2]:
        rivals.score(day, split)
    versions = rivals.rows("select distinct arm, model_version from ml.score order by 1")
    assert versions == [("a", rivals.alias("champion")), ("b", rivals.alias("challenger"))]
    both = rivals.rows("select customer_id from ml.score group by 1 having count(distinct arm) > 1")
    assert both == [], "a customer stays in its arm"
    assert rivals.rows("select count(*) from ml.score group by as_of_date") == [(270,), (270,)]
    ((share,),) = rivals.rows("select avg((arm = 'b')::int) from ml.score")
    assert 0.2 < share < 0.4
    found = churn_model.compare(rivals.settings, split, as_of_date=rivals.dates[0]).split
    assert [arm.arm for arm in found] == ["a", "b"]
    assert sum(arm.customers for arm in found) == 270
    ((alerts, left),) = rivals.rows(
        "select count(*), count(*) filter (where l.churned) from ml.score s join marts.churn_labels l"
        " using (customer_id, as_of_date) where s.probability >= s.threshold"
    )
    assert (sum(arm.alerts for arm in found), sum(arm.left for arm in found)) == (alerts, left)
    out = StringIO()
    Console(file=out, width=100).print(churn_model.compare(rivals.settings, split, as_of_date=rivals.dates[0]))
    table = out.getvalue().partition("A/B split by customer")[2]
    for arm in found:
        row = f"{arm.arm} {arm.model_version} {arm.customers} {arm.alerts} {arm.left} {arm.precision:.3f}"
        assert row.split() in [line.split() for line in table.splitlines()]
    assert "Challenger's precision less the champion's: " in table
    rivals.score(sorted(rivals.dates)[0])
    assert rivals.rows(
        "select distinct arm from ml.score where as_of_date = (select min(as_of_date) from ml.score)"
    ) == [("a",)], "without a split the champion has everybody back"
