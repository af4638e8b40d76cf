"""An error is one message and exit code 1; a traceback only with --debug."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forewarn.cli import app, source
from forewarn.cli.installation import typed
from forewarn.errors import ConfigError, ForewarnError

PROJECT = Path(__file__).resolve().parents[3]
run = CliRunner()


def test_a_missing_warehouse_names_what_to_do(tmp_path: Path) -> None:
    done = run.invoke(app, ["migrate"], env={"FOREWARN_HOME": str(tmp_path)})
    assert done.exit_code == 1
    assert done.output.startswith("Error: warehouse: expected FOREWARN_WAREHOUSE_URL")
    assert "Next: run `make demo`" in done.output
    assert "Traceback" not in done.output


def test_debug_gives_the_error_itself(tmp_path: Path) -> None:
    done = run.invoke(app, ["--debug", "migrate"], env={"FOREWARN_HOME": str(tmp_path)})
    assert isinstance(done.exception, ForewarnError)


def test_a_server_that_does_not_answer_names_the_command_that_starts_it(tmp_path: Path) -> None:
    url = "postgresql+psycopg2://nobody:nothing@127.0.0.1:1/forewarn"
    done = run.invoke(app, ["source", "list"], env={"FOREWARN_HOME": str(tmp_path), "FOREWARN_WAREHOUSE_URL": url})
    assert done.exit_code == 1
    assert "up --database-only`" in done.output
    assert "nothing" not in done.output


def test_a_command_that_is_named_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    """Where `forewarn` is not on the path, and for the installation that was asked about."""
    env = {"PATH": "/usr/bin:/bin", "FOREWARN_HOME": str(tmp_path)}
    done = run.invoke(app, ["--data", "online-retail", "doctor", "--json"], env=env)
    remedies = {one["check"]: one["remedy"] for one in json.loads(done.output) if not one["ok"]}
    program, _, arguments = remedies["warehouse"].partition(" ")
    assert os.access(program, os.X_OK)
    assert arguments == "--data online-retail up --database-only"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "run `make down`, or `forewarn doctor`"),
        (["--data", "online-retail"], "run `make down DATA=online-retail`, or `forewarn --data online-retail doctor`"),
        (["--config", "{0}"], "run `make down FOREWARN_CONFIG={0}`, or `forewarn --config {0} doctor`"),
    ],
)
def test_a_command_is_named_for_the_chosen_installation(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forewarn").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    heard: list[str] = []
    monkeypatch.setattr(source, "current_project", lambda: heard.append(typed("run `make down`, or `forewarn doctor`")))
    run.invoke(app, [*(one.format(tmp_path) for one in arguments), "source", "check"])
    assert heard == [told.format(tmp_path)]


def test_the_doctor_cuts_no_command_short(tmp_path: Path) -> None:
    env = {"FOREWARN_HOME": str(tmp_path), "FOREWARN_MLFLOW_URL": "http://127.0.0.1:1", "COLUMNS": "60"}
    done = run.invoke(app, ["doctor"], env=env)
    assert done.exit_code == 1
    remedies = "".join(line.split("│")[-2].strip() for line in done.output.splitlines() if line.count("│") > 1)
    assert "FOREWARN_MLFLOW_URL=http://HOST:5000" in remedies


def test_a_configuration_error_shows_its_place(tmp_path: Path) -> None:
    sound = (PROJECT / "config" / "forewarn.yml").read_text(encoding="utf-8")
    (tmp_path / "forewarn.yml").write_text(sound.replace("currency:", "curency:"), encoding="utf-8")
    done = run.invoke(app, ["source", "check"], env={"FOREWARN_CONFIG": str(tmp_path)})
    assert done.exit_code == 1
    assert f"Error: {tmp_path / 'forewarn.yml'}:3:1: unknown key `curency`" in done.output
    with pytest.raises(ConfigError, match="did you mean `currency`"):
        run.invoke(app, ["--debug", "source", "check"], env={"FOREWARN_CONFIG": str(tmp_path)}, catch_exceptions=False)


@pytest.mark.parametrize("data", ["simulated", "complete-journey", "online-retail", "online-retail-365"])
def test_the_configuration_of_each_data_set_is_sound(data: str) -> None:
    for group in ("source", "rules"):
        done = run.invoke(app, ["--data", data, group, "check"])
        assert done.exit_code == 0, done.output


def test_an_unknown_source_gets_the_nearest_name(tmp_path: Path) -> None:
    environment = {"FOREWARN_HOME": str(tmp_path), "FOREWARN_WAREHOUSE_URL": "postgresql+psycopg2://x@127.0.0.1:1/y"}
    done = run.invoke(app, ["source", "test", "cmr"], env=environment)
    assert done.exit_code == 1
    assert "did you mean `crm`?" in done.output


def test_down_where_nothing_runs_does_no_harm(tmp_path: Path) -> None:
    done = run.invoke(app, ["down"], env={"FOREWARN_HOME": str(tmp_path)})
    assert done.exit_code == 0
    assert done.output == "Nothing was running.\n"
