"""Whatever a company's tables are called and hold: what is proposed for them passes the check as it is."""

from __future__ import annotations

import csv
import json
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn.scaffold import Table, look_at_database, look_at_folder, propose, source_text
from forewarn.scaffold.names import words
from forewarn.scaffold.table import columns_of
from forewarn.sources.loader import load_source

TODAY = date(2026, 3, 2)
_SAID = [
    *(word for group in words()["entities"].values() for word in group),
    *(word for group in words()["columns"].values() for word in group),
    *(word for name in ("numbers", "changed", "deleted", "tenure", "churned", "leaks") for word in words()[name]),
]
_ODD = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
_WORD = st.one_of(
    st.sampled_from(_SAID), st.sampled_from(["select", "order", "user", "group", "Net Amount €", "a.b", "%"]), _ODD
)
NAME = st.builds(
    "".join, st.lists(st.one_of(_WORD, st.sampled_from(["_", " ", "Id", "_id", "-", "é"])), min_size=1, max_size=3)
)
_VALUES = st.one_of(
    st.just(["1", "2", "3"]),
    st.just(["1", "1", None]),
    st.just(["0", "1", "1"]),
    st.just(["2026-01-31", "2025-01-01", "2026-02-01"]),
    st.just(["31.01.2026", "01.02.2026", "11.12.25"]),
    st.just(["1/31/2026 10:00 PM", "2/1/2026 1:00 AM", ""]),
    st.just(["1769817600", "1769817601", "1769817602"]),
    st.just(["46053", "46054", "46055"]),
    st.just(["1.234,50 €", "12,5", "7"]),
    st.just(["$1,234.50", "12.5", "n/a"]),
    st.just(["yes", "no", "yes"]),
    st.just(["a@example.com", "b@example.com", "c@example.com"]),
    st.just([None, None, None]),
    st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=3, max_size=3),
)
_TYPE = st.sampled_from([None, None, "text", "bigint", "numeric", "timestamptz", "date", "boolean", "jsonb"])


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Draw one table with three rows."""
    names = draw(st.lists(NAME, min_size=1, max_size=7, unique=True))
    values = [draw(_VALUES) for _ in names]
    declared = [draw(_TYPE) for _ in names]
    rows = [list(row) for row in zip(*values, strict=True)]
    name = draw(NAME)
    place = {"path": "files/*.csv", "format": "csv", "delimiter": draw(st.sampled_from([",", ";", "\t", "|"]))}
    return Table(name, place, columns_of(names, declared, rows), whole=draw(st.booleans()))


def _accepted(folder: Path, text: str, name: str = "shop") -> None:
    file = folder / f"{name}.yml"
    file.write_text(text, encoding="utf-8")
    source = load_source(file)
    assert text.count("\n") > 3
    assert source.name == name


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(tables(), min_size=1, max_size=4))
def test_proposal_for_any_tables_passes_the_check(tmp_path: Path, found: list[Table]) -> None:
    proposal = propose(found, TODAY)
    assert len(proposal.streams) == len(found)
    _accepted(tmp_path, source_text(proposal, kind="files", connection="shop", description="x: y # z"))


@pytest.mark.parametrize("name", ["NULL", "yes", "Off", "none"])
def test_a_table_called_as_yaml_calls_no_text(tmp_path: Path, name: str) -> None:
    place = {"path": "files/*.csv", "format": "csv", "delimiter": ","}
    proposal = propose([Table(name, place, columns_of(["a"], [None], [["1"], ["2"]]), whole=True)], TODAY)
    _accepted(tmp_path, source_text(proposal, kind="files", connection="shop", description="x"))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(tables(), min_size=1, max_size=3))
def test_proposal_for_any_database_passes_the_check(tmp_path: Path, found: list[Table]) -> None:
    file = tmp_path / "any.db"
    file.unlink(missing_ok=True)
    made = 0
    with sqlite3.connect(file) as database:
        for table in found:
            quoted = ['"' + column.name.replace('"', '""') + '"' for column in table.columns]
            title = table.name.replace('"', '""')
            try:
                database.execute(f'create table "{title}" ({", ".join(f"{name} text" for name in quoted)})')
            except (sqlite3.Error, ValueError):
                continue
            made += 1
            rows = zip(*(column.values for column in table.columns), strict=True)
            database.executemany(f'insert into "{title}" values ({", ".join("?" * len(quoted))})', rows)
    looked, problems = look_at_database(f"sqlite:///{file}", "shop")
    assert len(looked) + len(problems) <= made
    if looked:
        _accepted(tmp_path, source_text(propose(looked, TODAY), kind="sql", connection="shop", description="x"))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(tables(), min_size=1, max_size=3), as_json=st.booleans())
def test_proposal_for_any_folder_passes_the_check(
    tmp_path_factory: pytest.TempPathFactory, found: list[Table], as_json: bool
) -> None:
    folder = tmp_path_factory.mktemp("drops")
    for number, table in enumerate(found):
        names = [column.name for column in table.columns]
        rows = [list(row) for row in zip(*(column.values for column in table.columns), strict=True)]
        if as_json:
            text = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
            (folder / f"t{chr(97 + number)}.jsonl").write_text(text, encoding="utf-8")
        else:
            with (folder / f"t{chr(97 + number)}.csv").open("w", encoding="utf-8", newline="") as out:
                csv.writer(out, delimiter=table.place["delimiter"]).writerows([names, *rows])
    looked, problems = look_at_folder(folder)
    assert len(looked) + len(problems) == len(found)
    if looked:
        _accepted(folder, source_text(propose(looked, TODAY), kind="files", connection="shop", description="x"))
