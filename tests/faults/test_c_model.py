"""FAULTS 31–34, 36, 38: a model or a registry that cannot be trusted scores nobody, and never stops the rules."""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2
import pytest
from planted_base import AS_OF, Base

import churn_model
from churn_model.features import NAMES
from churn_model.registry import download, open_store, sha256_of
from churn_model.score import demand_sane
from forewarn import rejections, stages
from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.stages import Run
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn

PROJECT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 6, 3, 4, tzinfo=UTC)
CONFIG = """\
company: Test
churn: {definition: non_contractual, horizon_days: 60, eligible_days: 90, snapshot_days: 30, snapshots: 12}
model: {candidates: [rule, logistic]}
alerts: {fallback_recipient: lead@company.example}
"""
_numbers = itertools.count()


@dataclass
class Installed:
    """An installation whose champion has scored once; the test may break it."""

    settings: Settings
    connection: psycopg2.extensions.connection
    model_file: Path

    def day(self, run_id: str = "r") -> dict[str, Any]:
        """Run the stages of the model, as the night does."""
        run = Run(AS_OF, run_id, NOW, live=False)
        trained = stages.train_if_missing(self.settings, run)
        return trained | stages.score(self.settings, run)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def rejected(self) -> str:
        """Return why the model was rejected, as operations read it; nobody is scored."""
        assert self.rows("select count(*) from ml.score") == [(0,)], "rules alone"
        assert rejections.stands(self.settings, AS_OF, "r")
        return str(self.rows("select observed from ops.gate_result where gate = 'model'")[0][0])


@pytest.fixture(scope="module")
def trained(postgres: EmbeddedServer, template: str, tmp_path_factory) -> Settings:
    url = postgres.ensure_database("faults_base", template=template)
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    Base(connection).write(snapshots=4)
    connection.close()
    home = tmp_path_factory.mktemp("home")
    (home / "config").mkdir()
    (home / "config" / "forewarn.yml").write_text(CONFIG)
    settings = Settings(PROJECT, home / "config", home, url, f"sqlite:///{home / 'mlflow.db'}")
    project = load_project(settings.config)
    churn_model.train(settings, project, as_of_date=AS_OF, run_id="first", now=NOW)
    return settings


@pytest.fixture
def installed(trained: Settings, postgres: EmbeddedServer) -> Iterator[Installed]:
    url = postgres.ensure_database(f"faults_{next(_numbers)}", template="faults_base")
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    (file,) = trained.artifacts.rglob("model.skops")
    content = file.read_bytes()
    found = Installed(replace(trained, warehouse_url=url), connection, file)
    assert found.day("before")["scored"] == 270
    yield found
    connection.close()
    file.write_bytes(content)


def _down(installed: Installed) -> Settings:
    """A registry in a file that is no database."""
    broken = installed.settings.home / "broken.db"
    broken.write_text("not a database")
    return replace(installed.settings, mlflow_url=f"sqlite:///{broken}")


@pytest.mark.capability("B6")
def test_31_while_the_registry_is_down_the_champion_that_scored_last_goes_on_and_it_is_written_down(
    installed: Installed,
) -> None:
    before = installed.rows("select customer_id, model_version, probability from ml.score order by 1")
    down = replace(installed, settings=_down(installed))
    assert down.day() == {"trained": False, "scored": 270}
    assert installed.rows("select customer_id, model_version, probability from ml.score order by 1") == before
    ((reason,),) = installed.rows("select reason from ml.decision where outcome = 'kept'")
    assert "version 1, which scored last, went on: model registry: expected an answer" in reason


@pytest.mark.capability("B6")
def test_31_without_one_that_scored_the_rules_go_on_alone(installed: Installed, tmp_path: Path) -> None:
    installed.settings = replace(_down(installed), home=tmp_path)
    assert installed.day()["scored"] == 0
    assert "model registry: expected an answer" in installed.rejected()


def test_31_a_kept_model_that_was_changed_is_refused_like_any_other(installed: Installed) -> None:
    kept = installed.settings.home / "models" / "churn_non_contractual.skops"
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        installed.settings = _down(installed)
        installed.day()
        assert "the last good one: expected a file with sha256" in installed.rejected()
    finally:
        kept.write_bytes(content)


@pytest.mark.capability("B6")
def test_31_where_the_champions_file_is_gone_its_own_copy_goes_on_and_operations_hear_of_it_once(
    installed: Installed,
) -> None:
    before = installed.rows("select customer_id, probability from ml.score order by 1")
    installed.model_file.unlink()
    for number in (1, 2):
        run = Run(AS_OF, f"live{number}", NOW)
        assert stages.score(installed.settings, run)["scored"] == 270
    assert installed.rows("select customer_id, probability from ml.score order by 1") == before
    ((kind, reason),) = installed.rows("select kind, reason from ops.trouble where over_at is null")
    assert kind == "substituted"
    assert "version 1, which scored last, went on: churn_non_contractual version 1: expected a file" in reason
    ((letters,),) = installed.rows("select count(*) from alerts.outbox where kind = 'operations'")
    assert letters == 1


@pytest.mark.capability("B6")
def test_31_a_champion_without_file_and_copy_gives_way_to_the_newest_earlier_version_that_is_whole(
    installed: Installed, tmp_path: Path
) -> None:
    client, name = open_store(installed.settings), "churn_non_contractual"
    tags = dict(client.get_model_version(name, "1").tags)
    made = [
        client.create_model_version(name, source=(tmp_path / "nowhere").as_uri(), tags=tags | more)
        for more in ({}, {"candidate": "hazard"}, {})
    ]
    client.set_registered_model_alias(name, "champion", made[-1].version)
    try:
        lost = replace(installed, settings=replace(installed.settings, home=tmp_path))
        assert lost.day()["scored"] == 270
        assert installed.rows("select distinct model_version from ml.score") == [("1",)]
        ((reason,),) = installed.rows("select reason from ml.decision where outcome = 'kept'")
        assert (
            f"version 1, an earlier one, went on: {name} version {made[-1].version}: expected a file model.skops"
            in reason
        )
    finally:
        client.set_registered_model_alias(name, "champion", "1")
        for version in made:
            client.delete_model_version(name, version.version)


def test_31_a_model_that_is_gone_without_another_leaves_the_rules_alone(installed: Installed, tmp_path: Path) -> None:
    installed.model_file.unlink()
    replace(installed, settings=replace(installed.settings, home=tmp_path)).day()
    assert "expected a file model.skops" in installed.rejected()


def test_32_a_flipped_byte_is_refused_by_its_hash(installed: Installed) -> None:
    content = bytearray(installed.model_file.read_bytes())
    content[len(content) // 2] ^= 1
    installed.model_file.write_bytes(content)
    installed.day()
    assert "expected a file with sha256" in installed.rejected()


class _Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.trace),))


def test_33_a_pickle_is_never_opened_even_with_its_hash_pinned(installed: Installed, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    client = open_store(installed.settings)
    pinned = client.get_model_version("churn_non_contractual", "1").tags["sha256"]
    installed.model_file.write_bytes(pickle.dumps(_Malicious(trace)))
    client.set_model_version_tag("churn_non_contractual", "1", "sha256", sha256_of(installed.model_file))
    try:
        installed.day()
        assert "a skops file of Forewarn's own types" in installed.rejected()
    finally:
        client.set_model_version_tag("churn_non_contractual", "1", "sha256", pinned)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rename column revenue_90d to revenue_last_90d", "missing revenue_90d (renamed to revenue_last_90d?)"),
        ("alter column open_tickets type text", "not numeric open_tickets (text)"),
    ],
)
def test_34_features_that_changed_are_named_before_a_score_is_written(
    installed: Installed, change: str, message: str
) -> None:
    installed.rows(f"alter table marts.churn_features {change}; select 1")
    installed.day()
    assert message in installed.rejected()


def test_36_scores_that_are_constant_are_held(installed: Installed) -> None:
    columns = ", ".join(f"{name} = null" for name in NAMES)
    installed.rows(f"update marts.churn_features set {columns} where as_of_date = '{AS_OF}'; select 1")
    installed.day()
    assert "scores that differ between customers" in installed.rejected()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_36_scores_that_are_no_numbers_are_held(bad: float) -> None:
    with pytest.raises(ModelRejected, match="got 1 of 3 not a number"):
        demand_sane(np.array([0.1, bad, 0.3]), "scores")


def test_38_an_artefact_path_that_leads_out_of_its_folder_is_refused(tmp_path: Path, monkeypatch) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "model.skops").write_bytes(b"x")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr("mlflow.artifacts.download_artifacts", lambda **_: str(folder / ".." / "outside"))
    with pytest.raises(ModelRejected, match=r"expected a file model\.skops among its artefacts"):
        download("models:/churn/1", folder, "churn version 1")


@pytest.mark.parametrize(
    ("label", "customers", "message"),
    [
        (np.zeros_like, 300, "expected customers who left and customers who stayed"),
        (lambda churned: churned, 90, "expected at least 100 eligible customers"),
        (lambda churned: np.random.default_rng(len(churned)).permutation(churned), 300, "learning does not pay"),
    ],
    ids=["one class", "few customers", "labels by chance"],
)
@pytest.mark.capability("C29")
def test_a_base_that_cannot_teach_leaves_the_rules_alone(
    postgres: EmbeddedServer, template: str, tmp_path: Path, label, customers: int, message: str
) -> None:
    url = postgres.ensure_database(f"faults_taught_{next(_numbers)}", template=template)
    connection = psycopg2.connect(dsn(url))
    connection.autocommit = True
    Base(connection).write(customers=customers, snapshots=4, label=label)
    (tmp_path / "forewarn.yml").write_text(CONFIG)
    settings = Settings(PROJECT, tmp_path, tmp_path, url, f"sqlite:///{tmp_path / 'mlflow.db'}")
    untaught = Installed(settings, connection, tmp_path)
    assert untaught.day()["scored"] == 0
    assert message in untaught.rejected()
    if message == "learning does not pay":
        ((outcome, reason),) = untaught.rows("select outcome, reason from ml.decision")
        assert (outcome, message in reason) == ("refused", True)
    connection.close()
