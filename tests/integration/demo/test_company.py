from __future__ import annotations

import hashlib
import json
import stat
from datetime import date
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest
from ruamel.yaml import YAML

from forewarn.demo import Company, advance, is_founded, seed
from forewarn.demo.databases import TABLES
from forewarn.demo.drops import DELIMITER, SYSTEMS
from forewarn.demo.help_desk_data import RESOURCES, HelpDeskData
from forewarn.errors import Permanent
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import connect

pytestmark = pytest.mark.capability("B15")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(home: Path, server: EmbeddedServer) -> dict[str, str]:
    """Hash of every table, file and resource that a source could read."""
    marks = {}
    for table in TABLES:
        with connect(server.url(table.database)) as connection, connection.cursor() as cursor:
            name = f"{table.schema}.{table.name.split('.')[1]}"
            cursor.execute(f"select md5(string_agg(t::text, ';' order by t::text)) from {name} as t")
            marks[table.name] = str((cursor.fetchone() or [None])[0])
    for name in RESOURCES:
        marks[f"help_desk.{name}"] = _digest(
            json.dumps(HelpDeskData(home).page(name, since="", after=("", ""), limit=10**6))
        )
    for folder in SYSTEMS:
        for file in sorted((home / folder).rglob("*.*")):
            if file.suffix == ".csv":
                rows = pyarrow.csv.read_csv(file, parse_options=pyarrow.csv.ParseOptions(delimiter=DELIMITER))
            else:
                rows = pyarrow.parquet.read_table(file)
            marks[str(file.relative_to(home))] = _digest(repr(rows.to_pydict()))
    return marks


def test_a_day_later_is_the_same_as_having_begun_a_day_later(postgres: EmbeddedServer, tmp_path: Path) -> None:
    seed(tmp_path / "short", postgres, customers=300, months=6, last_day=date(2026, 6, 29))
    before = fingerprint(tmp_path / "short", postgres)
    assert advance(tmp_path / "short", postgres) == date(2026, 7, 1)
    advanced = fingerprint(tmp_path / "short", postgres)
    seed(tmp_path / "long", postgres, customers=300, months=6, last_day=date(2026, 6, 30))
    assert advanced == fingerprint(tmp_path / "long", postgres)
    changed = {name for name in advanced if before.get(name) != advanced[name]}
    assert {"erp.orders", "erp.order_lines", "help_desk.tickets", "crm.interactions"} <= changed
    assert "finance/invoices/invoices-2026-06-30.csv" in changed
    assert "crm.employees" not in changed


def test_a_day_that_was_interrupted_is_written_again(
    postgres: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    seed(home, postgres, customers=300, months=6, last_day=date(2026, 6, 15))
    with monkeypatch.context() as patch:
        patch.setattr(HelpDeskData, "write", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="disk is full"):
            advance(home, postgres)
    assert Company.load(home).as_of_date == date(2026, 6, 16)
    assert advance(home, postgres) == date(2026, 6, 17)
    once = fingerprint(home, postgres)
    seed(tmp_path / "other", postgres, customers=300, months=6, last_day=date(2026, 6, 16))
    assert once == fingerprint(tmp_path / "other", postgres)


def test_chunks_of_any_size_fill_the_sources_alike(postgres: EmbeddedServer, tmp_path: Path) -> None:
    for name, chunk in (("small", 500), ("large", 5_000)):
        seed(tmp_path / name, postgres, customers=700, months=4, chunk=chunk)
        if name == "small":
            small = fingerprint(tmp_path / name, postgres)
    assert small == fingerprint(tmp_path / "large", postgres)


def test_what_the_sources_know_ends_with_the_last_day(company: Company, postgres: EmbeddedServer) -> None:
    with connect(postgres.url("erp")) as connection, connection.cursor() as cursor:
        cursor.execute("select max(updated_at) < '2026-07-01', max(placed_at) >= '2026-06-29' from sales.orders")
        assert cursor.fetchone() == (True, True)
    files = sorted(file.name for file in (company.home / "usage" / "usage").iterdir())
    assert files[0] == "usage-2024-07.parquet"
    assert files[22:24] == ["usage-2026-05.parquet", "usage-2026-06-01.parquet"]
    assert files[-1] == "usage-2026-06-30.parquet"


def test_connections_are_named_for_their_owner_alone(company: Company) -> None:
    file = company.home / "connections.yml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((company.home / "help_desk" / "token").stat().st_mode) == 0o600
    assert set(YAML(typ="safe").load(file.read_text())) == {
        "demo_crm",
        "demo_erp",
        "demo_finance",
        "demo_help_desk",
        "demo_marketing",
        "demo_usage",
        "demo_voice",
        "demo_wms",
    }


def test_a_home_without_a_company_is_refused(postgres: EmbeddedServer, tmp_path: Path) -> None:
    assert not is_founded(tmp_path)
    with pytest.raises(Permanent, match=r"expected a company\.json, got none\. Next: run `make demo`"):
        advance(tmp_path, postgres)


def test_the_future_ends_with_an_error_that_says_so(company: Company, postgres: EmbeddedServer, tmp_path: Path) -> None:
    Company(home=tmp_path, world=company.world, as_of_date=company.world.end).save()
    with pytest.raises(Permanent, match="a day before 2027-07-01"):
        advance(tmp_path, postgres)


def test_a_company_that_was_not_finished_is_not_founded(
    postgres: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(tmp_path, postgres, customers=50, months=3)
    assert is_founded(tmp_path)
    monkeypatch.setattr(HelpDeskData, "write", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(OSError, match="disk is full"):
        seed(tmp_path, postgres, customers=50, months=3)
    assert not is_founded(tmp_path)
