"""Every command that writes or sends has --dry-run, and the dry run of one that needs no warehouse writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from forewarn.cli import app

READS = {
    *("doctor", "metrics", "telemetry", "source list", "source check", "source test"),
    *("routes check", "routes explain", "absence list", "silence list"),
    *("rules check", "rules diff", "rules history", "rules shadow"),
    "report anomalies",
    "report save-rate",
    *("model evaluate", "model compare", "model explain", "model moved"),
    *("access list", "account list", "case list", "case show", "task list", "privacy list"),
    *("identity show", "identity list", "identity evaluate"),
}
WITHOUT = {
    "demo": "what it writes is a company of its own making; `forewarn run --dry-run` shows the stages",
    "up": "starts processes on this machine, and nothing else",
    "workbench": "serves pages, and writes what people press on them",
    "down": "ends what `up` started",
    "access watch": "ends what runs too long, and writes nothing",
    "dbt": "passes on to dbt, which has `compile` and `list`",
}


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, one in getattr(command, "commands", {}).items():
        yield from _commands(one, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


def test_what_writes_or_sends_can_be_run_dry() -> None:
    found = dict(_commands(get_command(app)))
    dry = {name for name, one in found.items() if any("--dry-run" in parameter.opts for parameter in one.params)}
    assert {"dispatch", "run", "migrate", "access grant", "identity join", "model train"} <= dry
    assert set(found) - dry == READS | set(WITHOUT)


def test_a_dry_run_shows_a_new_configuration_and_writes_none(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    done = CliRunner().invoke(app, ["project", "new", str(folder), "--currency", "EUR", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "currency: 'EUR'" in done.output
    assert f"would write this to {folder / 'forewarn.yml'}" in done.output
    assert not folder.exists()
