"""dbt parses a file anew whose answer of the environment has changed: while it parses, it asks who feeds an entity."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"


def test_what_changes_each_night_is_read_by_a_run_alone() -> None:
    folders = ("macros", "models", "tests", "snapshots")
    files = [file for folder in folders for file in (PROJECT / folder).rglob("*.sql")]
    asked = {
        file.name: line.strip()
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if "env_var(" in line
    }
    assert asked.pop("as_of_dates.sql") == "{{ return(env_var(name, otherwise) if execute else parsed) }}"
    assert [name for name, line in asked.items() if "env_var('FOREWARN_FEEDS_' ~" not in line] == []
