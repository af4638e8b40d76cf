"""`forewarn demo` as somebody types it: by the command line, in a process of its own, twice."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from sqlalchemy import make_url

from forewarn.local.databases import stop_databases
from forewarn.warehouse.embedded import binary
from forewarn.warehouse.engine import connect

PROJECT = Path(__file__).resolve().parents[2]
CUSTOMERS, MONTHS = 150, 12
LIBRARIES = r"WARNING|Traceback|\[info"

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # People have spaces and letters of their own in the names of their folders.
    folder = Path(tempfile.mkdtemp(prefix="fw démo ")) / "home"
    yield folder
    stop_databases(folder)
    shutil.rmtree(folder.parent)


def with_home(home: Path) -> dict[str, str]:
    # pytest-xdist tells its workers that they are 80 columns wide.
    left = ("AIRFLOW", "FOREWARN_", "COLUMNS")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    return inherited | {"FOREWARN_HOME": str(home)}


def forewarn(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forewarn", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=with_home(home) | environment,
    )


def on_a_terminal(home: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Return exit code and output where bars move and libraries see a screen; the screen's own codes are left out."""
    screen, terminal = pty.openpty()
    command, where = [sys.executable, "-m", "forewarn", *arguments], with_home(home) | {"COLUMNS": "140"} | environment
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=where) as process:
        os.close(terminal)
        written = b""
        while select.select([screen], [], [], 600)[0]:
            try:
                written += os.read(screen, 65536)
            except OSError:  # the last who could write has ended
                break
    os.close(screen)
    return process.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())


@pytest.fixture(scope="module")
def first_day(home: Path) -> str:
    done = forewarn(home, "demo", "--customers", str(CUSTOMERS), "--months", str(MONTHS))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def letters(home: Path) -> set[str]:
    return {file.name for file in (home / "outbox").rglob("*.eml")}


def test_it_ends_with_whom_to_call_and_why(first_day: str) -> None:
    assert re.search(r"Call these first: top \d+ alerts as of 2026-07-01", first_day)
    assert "account manager" in first_day
    assert re.search(r"· No order for \d+ days", first_day)


def test_each_stage_leaves_a_line_with_counts_and_seconds(first_day: str) -> None:
    lines = {match[1]: match[2] for match in re.finditer(r"✓ (\w+(?: \w+)*) +[\d.]+ s +(.*)", first_day)}
    assert "29 streams" in lines["extract"]
    assert "rows loaded" in lines["extract"]
    assert "scored" in lines["score"]
    assert "sent" in lines["dispatch"]
    assert list(lines)[-2:] == ["dispatch", "report"]


def test_the_places_that_it_names_exist(home: Path, first_day: str) -> None:
    places = re.findall(r"^ +(Messages|Data docs|MLflow run) +(/.*?)(?: \(run .*)?$", first_day, re.MULTILINE)
    assert [name for name, where in places if Path(where).exists()] == ["Messages", "Data docs", "MLflow run"]
    assert first_day.count(str(home)) >= 4
    assert len(letters(home)) > 0


def test_nothing_but_its_own_words_reaches_the_terminal(first_day: str) -> None:
    assert not re.search(LIBRARIES, first_day)


def with_wrong_password(home: Path, *connections: str) -> dict[str, str]:
    known = YAML(typ="safe").load((home / "connections.yml").read_text(encoding="utf-8"))
    return {
        f"FOREWARN_CONN_{name.upper()}": make_url(known[name])
        .set(password="wrong")
        .render_as_string(hide_password=False)
        for name in connections
    }


def test_a_mistake_in_a_source_file_stops_it_before_anything_runs(home: Path, first_day: str) -> None:
    broken = home.parent / "broken"
    shutil.copytree(PROJECT / "config", broken)
    (broken / "sources" / "erp.yml").write_text("kind: sql\nconection: demo_erp\n", encoding="utf-8")
    done = forewarn(home, "demo", FOREWARN_CONFIG=str(broken))
    assert (done.returncode, done.stdout.count("✓")) == (1, 0)
    assert re.search(r"Error: .*sources/erp\.yml:2:1: unknown key `conection`.*did you mean `connection`", done.stderr)
    assert (home / "as_of_date").read_text() == "2026-07-01"


def test_a_stage_that_fails_is_named_and_the_next_attempt_is_for_the_same_day(home: Path, first_day: str) -> None:
    # It stops after the day was published: the day is not over all the same.
    broken = home.parent / "config"
    shutil.copytree(PROJECT / "config", broken)
    (broken / "routes.yml").write_text("owner: [nobody", encoding="utf-8")
    done = forewarn(home, "demo", FOREWARN_CONFIG=str(broken))
    assert done.returncode == 1
    assert "✗ " in done.stdout
    assert re.search(r"Error: stage \w+: .*routes\.yml:\d+:\d+: ", done.stderr)
    assert "Traceback" not in done.stderr
    assert (home / "as_of_date").read_text() == "2026-07-02"


def dump(home: Path, database: str = "forewarn") -> str:
    """Return a whole database as PostgreSQL's own tool writes it."""
    address = make_url((home / "warehouse_url").read_text()).set(drivername="postgresql", database=database)
    done = subprocess.run(
        [binary("pg_dump"), address.render_as_string(hide_password=False)], capture_output=True, check=True
    )
    return done.stdout.decode()


def names_and_addresses(home: Path, query: str) -> list[str]:
    """Return what the customers' own system calls its people and where it reaches them."""
    with connect((home / "warehouse_url").read_text()) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return sorted({str(value) for row in cursor.fetchall() for value in row if value})


def test_80_no_log_no_page_of_a_gate_and_no_task_knows_a_secret(home: Path, first_day: str) -> None:
    addresses = (home / "connections.yml", home / "warehouse_url", home / "mlflow_url")
    found = {word for file in addresses for word in re.findall(r"://[^:@\s]*:?([^:@/\s]+)@", file.read_text())}
    found |= {file.read_text().strip() for file in (home / "secrets").iterdir() if file.suffix != ".json"}
    secrets = {word for word in found if len(word) > 7}
    assert len(secrets) > 2
    texts = [dump(home, "airflow"), dump(home, "mlflow")]
    for folder in ("data-docs", "dbt", "logs", "mlflow-artifacts", "outbox"):
        texts += [file.read_bytes().decode(errors="ignore") for file in (home / folder).rglob("*") if file.is_file()]
    assert [secret for secret in secrets if any(secret in text for text in texts)] == []


def test_81_no_log_no_page_of_a_gate_no_model_and_no_task_knows_a_person(home: Path, first_day: str) -> None:
    canaries = names_and_addresses(home, "select name, email, phone from staging.stg_contacts")
    assert len(canaries) > CUSTOMERS
    assert any(canary in dump(home) for canary in canaries[:20]), "the dump shows what is there"
    for database in ("airflow", "mlflow"):
        text = dump(home, database)
        assert [canary for canary in canaries if canary in text] == []
    for folder in ("data-docs", "dbt", "logs", "mlflow-artifacts"):
        files = [file for file in (home / folder).rglob("*") if file.is_file()]
        assert files, folder
        for file in files:
            content = file.read_bytes()
            assert [canary for canary in canaries if canary.encode() in content] == [], file


@pytest.fixture(scope="module")
def erased(home: Path, first_day: str) -> list[str]:
    """Erase the customer of the first case, and return what it was known by."""
    (customer,) = names_and_addresses(home, 'select customer_id from alerts."case" where case_id = 1')
    known_by = (
        "select a.name, a.email, a.phone, k.name, k.email, k.phone from marts.customer_crosswalk c"
        " join staging.stg_accounts a using (source, account_id) left join staging.stg_contacts k"
        " on (k.account_source, k.account_id) = (c.source, c.account_id) where c.customer_id {} '{}'"
    )
    namesakes = set(names_and_addresses(home, known_by.format("<>", customer)))
    words = [word for word in names_and_addresses(home, known_by.format("=", customer)) if word not in namesakes]
    done = forewarn(home, "privacy", "erase", "--customer", customer, "--why", "asked by letter")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Searched again: nothing is left." in done.stdout
    return words


def test_82_an_erased_customer_is_in_no_dump_and_no_file(home: Path, erased: list[str]) -> None:
    assert erased
    text = dump(home)
    assert [word for word in erased if word in text] == []
    for folder in ("outbox", "logs", "data-docs", "mlflow-artifacts"):
        for file in (home / folder).rglob("*.*"):
            content = file.read_bytes()
            assert [word for word in erased if word.encode() in content] == [], file


def test_again_is_the_next_simulated_day_and_a_source_that_refuses_is_named_while_the_others_go_on(
    home: Path, first_day: str
) -> None:
    before = letters(home)
    code, screen = on_a_terminal(home, "demo", **with_wrong_password(home, "demo_erp"))
    assert code == 0, screen
    assert "alerts as of 2026-07-02" in screen or "No customer needs a call" in screen
    assert not re.search(LIBRARIES, screen)
    assert re.search(r"! extract .* 5 of 29 streams failed: erp\.", screen)
    said = re.sub(r"\s+", " ", screen)
    assert re.search(
        r"! Without erp\.\w+, .*: connection demo_erp: expected to be let in.* Next: check user, password and database",
        said,
    )
    assert before <= letters(home)
    again = letters(home) - before
    assert len(again) < len(before) / 2, "customers who were announced yesterday are not announced again"


def test_82_what_is_loaded_anew_brings_no_word_back(home: Path, erased: list[str]) -> None:
    for stream in ("contacts", "accounts"):
        assert forewarn(home, "source", "reset", "crm", stream, "--yes").returncode == 0
    done = forewarn(home, "run", "--stage", "extract", "--stage", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    text = dump(home)
    assert [word for word in erased if word in text] == []


def test_doctor_finds_everything_in_order(home: Path, first_day: str) -> None:
    done = forewarn(home, "doctor", "--json")
    assert done.returncode == 0, done.stdout
    checks = set(re.findall(r'"check": "([^"]+)"', done.stdout))
    assert {"python", "warehouse", "migrations", "configuration", "MLflow", "mail", "freshness"} <= checks
    assert {f"source {name}" for name in ("crm", "erp", "finance", "helpdesk", "usage")} <= checks


def test_a_source_shows_rows_and_types(home: Path, first_day: str) -> None:
    done = forewarn(home, "source", "test", "erp", "--stream", "orders")
    assert done.returncode == 0, done.stderr
    assert "erp.orders" in done.stdout
    assert "timestamptz" in done.stdout


def test_a_run_without_airflow_repeats_a_stage(home: Path, first_day: str) -> None:
    done = forewarn(home, "run", "--stage", "score", "--stage", "gate-scores")
    assert done.returncode == 0, done.stderr
    assert re.search(r"✓ score +[\d.]+ s +\d+ scored", done.stdout)


def test_a_dry_run_touches_nothing(home: Path, first_day: str) -> None:
    before = letters(home)
    done = forewarn(home, "run", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "would extract crm.accounts" in done.stdout
    for command in (["dispatch"], ["migrate"], ["backfill", "--from", "2026-06-20", "--to", "2026-06-21"]):
        done = forewarn(home, *command, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert any(word in done.stdout for word in ("would", "current", "due")), done.stdout
    assert letters(home) == before
