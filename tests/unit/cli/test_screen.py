"""Where no terminal sets a width, tables are whole; a row that is wider than the screen stands column by column."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forewarn.cli import app

PROJECT = Path(__file__).resolve().parents[3]
SOURCE = """
kind: files
connection: drops
streams:
  accounts:
    path: "*.csv"
    format: csv
    key: [{key}]
    entities:
      account:
        columns: {{account_id: {key}}}
"""


def shown(folder: Path, header: str, *lines: str, **environment: str) -> list[list[str]]:
    """Return the cells of what `source test` shows of a file."""
    config = folder / "config"
    (config / "sources").mkdir(parents=True)
    shutil.copy(PROJECT / "config" / "forewarn.yml", config)
    (config / "sources" / "crm.yml").write_text(SOURCE.format(key=header.split(",", maxsplit=1)[0]), encoding="utf-8")
    (folder / "a.csv").write_text("\n".join((header, *lines, "")), encoding="utf-8")
    here = {"FOREWARN_CONFIG": config, "FOREWARN_CONN_DROPS": folder, "FOREWARN_WAREHOUSE_URL": "unnamed"}
    env: dict[str, str | None] = {name: str(value) for name, value in here.items()}
    done = CliRunner().invoke(app, ["source", "test", "crm"], env=env | environment)
    assert done.exit_code == 0, done.output
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.output.splitlines() if "│" in line]


def test_rows_that_fit_are_lines(tmp_path: Path) -> None:
    assert shown(tmp_path, "account_no,note", "C1,x", "C2,", COLUMNS="80") == [["C1", "x"], ["C2", "null"]]


def test_rows_that_do_not_fit_are_columns_with_nothing_cut(tmp_path: Path) -> None:
    names = [f"column_{n}" for n in range(12)]
    lines = shown(tmp_path, ",".join(names), ",".join(["a [b] c"] * 12), "C2" + "," * 11, COLUMNS="80")
    assert lines == [["column_0", "text", "a [b] c", "C2"], *([name, "text", "a [b] c", "null"] for name in names[1:])]


def test_what_goes_into_a_pipe_is_not_cut_to_eighty_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    names = [f"column_{n}" for n in range(10)]
    assert shown(tmp_path, ",".join(names), ",".join(["2026-01-01"] * 10)) == [["2026-01-01"] * 10]
