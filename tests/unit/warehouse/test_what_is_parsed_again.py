"""dbt parses a file anew whose answer of the environment has changed: no file asks while it is parsed."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"


def test_only_a_run_reads_the_environment() -> None:
    folders = ("macros", "models", "tests", "snapshots")
    files = [file for folder in folders for file in (PROJECT / folder).rglob("*.sql")]
    asked = [
        f"{file.name}: {line.strip()}"
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"\benv_var\(", line)
    ]
    assert asked == ["as_of_dates.sql: {{ return(env_var(name, otherwise) if execute else parsed) }}"]
