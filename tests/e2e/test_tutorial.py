"""The tutorial's own commands, in its order, over exports as it describes them: at the end there are messages."""

from __future__ import annotations

import os
import random
import re
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from forewarn.warehouse.engine import connect

PROJECT = Path(__file__).resolve().parents[2]
LAST = date(2026, 3, 1)


def commands() -> list[str]:
    """Return the lines of the tutorial's unmarked blocks that are commands of ours."""
    text = (PROJECT / "docs" / "tutorial.md").read_text("utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [
        line
        for kind, block in blocks
        if not kind
        for line in block.splitlines()
        if line.startswith(("forewarn ", "export "))
    ]


def export(folder: Path) -> None:
    """Write two years of orders: most customers buy every month, some stop."""
    draw = random.Random(5)
    folder.mkdir()
    cities = ("Köln", "Ulm", "Kiel")
    lines = "".join(f"K{n:04d};Firma {n} GmbH;{draw.choice(cities)}\n" for n in range(180))
    (folder / "Kunden.csv").write_bytes(("Kundennummer;Firma;Ort\n" + lines).encode())
    months: dict[str, list[str]] = {}
    number = 0
    for customer in range(180):
        day = LAST - timedelta(days=draw.randint(640, 720))
        ends = LAST - timedelta(days=draw.randint(0, 500)) if customer % 2 else LAST
        while (day := day + timedelta(days=draw.randint(15, 40))) < ends:
            number += 1
            amount = f"{draw.randint(1, 4)}.{draw.randint(100, 999)},{draw.randint(10, 99)} €"
            months.setdefault(f"{day:%Y-%m}", []).append(f"A{number:06d};K{customer:04d};{day:%d.%m.%Y};{amount}\n")
    for month, rows in months.items():
        text = "Bestellnummer;Kundennummer;Bestelldatum;Nettobetrag\n" + "".join(rows)
        (folder / f"Bestellungen_{month}.csv").write_bytes(text.encode())


def tickets(file: Path) -> None:
    """Write a help desk's database: every third customer complains again and again."""
    opened = [(f"K{n:04d}", LAST - timedelta(days=9 * k + 2)) for n in range(0, 180, 3) for k in range(4)]
    with sqlite3.connect(file) as connection:
        connection.execute(
            "create table tickets (ticket_id integer primary key, customer_no text, opened_at timestamp,"
            " closed_at timestamp, subject text)"
        )
        connection.executemany(
            "insert into tickets (customer_no, opened_at, closed_at, subject) values (?, ?, ?, ?)",
            [(who, f"{day} 09:00", f"{day + timedelta(days=1)} 10:00", "Lieferung kam zu spät") for who, day in opened],
        )


@pytest.mark.timeout(900)
@pytest.mark.capability("C51")
def test_commands_of_the_tutorial_lead_to_messages(tmp_path: Path) -> None:
    export(tmp_path / "exports")
    tickets(tmp_path / "desk.db")
    shown = re.findall(r"^```yaml\n(.*?)^```", (PROJECT / "docs" / "tutorial.md").read_text("utf-8"), re.S | re.M)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FOREWARN_", "AIRFLOW_"))}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PWD": str(tmp_path)}
    ran = []
    try:
        for line in commands():
            if "--api" in line or line in ("forewarn up", "forewarn down"):
                # A server in the network, and all of Airflow: other tests have them.
                continue
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                environment[name] = value.replace("$PWD", str(tmp_path))
                continue
            done = subprocess.run(
                line.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            ran.append(line.split()[1])
            if line.startswith("forewarn source new shop"):
                written = YAML(typ="safe").load((tmp_path / "acme" / "sources" / "shop.yml").read_text("utf-8"))
                del written["description"]
                assert written == YAML(typ="safe").load(shown[1])
            if line.startswith("forewarn source new desk"):
                assert "write `account_source: shop`" in done.stdout
                (tmp_path / "acme" / "sources" / "desk.yml").write_text(shown[2], encoding="utf-8")
        outbox = tmp_path / "acme" / ".forewarn" / "outbox"
        assert len(list(outbox.glob("*.eml"))) >= 3
        assert "Firma " in (outbox / "index.html").read_text("utf-8")
        assert ran == ["project", "source", "source", "source", "up", "source", "source", "run"]
        with connect((tmp_path / "acme" / ".forewarn" / "warehouse_url").read_text().strip()) as both:
            cursor = both.cursor()
            cursor.execute("select source, stream, rows_loaded from ops.batch where source = 'desk'")
            assert cursor.fetchall() == [("desk", "tickets", 240)]
            cursor.execute("select count(*) from bi.churn_features where orders_lifetime > 0 and tickets_90d > 0")
            assert cursor.fetchone() == (60,), "what the shop and the help desk know meets in one customer"
    finally:
        subprocess.run(["forewarn", "down"], cwd=tmp_path, env=environment, check=False, capture_output=True)
