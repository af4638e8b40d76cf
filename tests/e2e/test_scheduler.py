"""churn_daily through a real scheduler and LocalExecutor, started as `make up` starts them, triggered over the API.

The tests of this file tell one story in order: a day, each of its tasks cleared, the same day again with a source that
refuses.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import psycopg2
import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from forewarn.alerts.actions import AirflowDag
from forewarn.alerts.airflow_channel import AirflowChannel
from forewarn.alerts.channel import Message
from forewarn.alerts.content import ActionContent
from forewarn.cli import app
from forewarn.config.connections import name_connection
from forewarn.config.settings import Settings
from forewarn.local import company, processes, services
from forewarn.local.databases import local_settings, start_databases
from forewarn.local.ports import free_ports
from forewarn.sources import resolve
from forewarn.warehouse.engine import dsn

PROJECT = Path(__file__).resolve().parents[2]
CUSTOMERS, MONTHS = 300, 12
# One of each kind, a database, an API and files: a task of a real scheduler costs seconds, and the demo has them all.
SOURCES = {"erp.yml": 5, "helpdesk.yml": 3, "finance.yml": 5}
_spec = importlib.util.spec_from_file_location("airflow_client", Path(__file__).with_name("airflow_client.py"))
assert _spec is not None
assert _spec.loader is not None
_client = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_client)

pytestmark = [pytest.mark.timeout(1200)]

# What `forewarn up` prints.
SAID = (
    r"Airflow  (?P<airflow>\S+)   user (?P<user>\S+), password (?P<password>\S+)\n"
    r"MLflow   (?P<mlflow>\S+)\n"
    r"Workbench (?P<workbench>\S+)   by links of messages, or an account: `[^`]*forewarn[^`]* account add`\n"
    r"Logs     (?P<logs>\S+)\nEnd it with `make down`\."
)

SCORES = "select customer_id, definition, probability, rank_of_day, reasons::text from ml.score order by 1, 2"
# What landed, what was made of it, and what readers see: a line for each row.
ROWS = "select md5(string_agg(r::text, '|' order by r::text)), count(*) from {} as r"
TABLES = ("raw_erp.orders", "raw_helpdesk.tickets", "marts.dim_customers", "bi.customer_360")
FEATURES = "select md5(string_agg(f::text, '|' order by customer_id)) from marts.churn_features f where as_of_date = %s"
CASES = 'select case_id, customer_id, route, episode, level, state from alerts."case" order by case_id'
OUTBOX = "select alert_id, dedup_key, state, attempts, sent_at from alerts.outbox where kind = 'case' order by alert_id"


@dataclass(frozen=True)
class Stack:
    """What `make up` started, for a simulated company."""

    settings: Settings
    client: Any
    weekly: Any
    said: re.Match[str]

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(dsn(self.settings.warehouse_url))
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, arguments)
                return cursor.fetchall()
        finally:
            connection.close()

    def letters(self) -> set[str]:
        return {file.name for file in self.settings.outbox.rglob("*.eml")}

    def everything(self) -> tuple[Any, ...]:
        day = company_day(self.settings)
        queries = [(SCORES, ()), (FEATURES, (day,)), (CASES, ()), (OUTBOX, ())]
        queries += [(ROWS.format(table), ()) for table in TABLES]
        return (*[self.rows(query, *arguments) for query, arguments in queries], self.letters())


def company_day(settings: Settings) -> str:
    return (settings.home / "as_of_date").read_text().strip()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    home = Path(tempfile.mkdtemp(prefix="fw-e2e-")) / "home"
    databases = start_databases(home)
    config = home.parent / "config"
    shutil.copytree(PROJECT / "config", config, ignore=shutil.ignore_patterns("datasets"))
    for file in (config / "sources").iterdir():
        if file.name not in SOURCES:
            file.unlink()
    project = config / "forewarn.yml"
    [port] = free_ports([0])
    project.write_text(project.read_text().replace("http://127.0.0.1:8090", f"http://127.0.0.1:{port}"))
    settings = local_settings(PROJECT, config, home, databases)
    company.found(home, databases.server, customers=CUSTOMERS, months=MONTHS, seed=7)
    place = {"FOREWARN_HOME": str(home), "FOREWARN_CONFIG": str(config), "COLUMNS": "60"}
    try:
        done = CliRunner().invoke(app, ["up", "--airflow-port", "0", "--mlflow-port", "0"], env=place)
        assert done.exit_code == 0, done.output
        said = re.fullmatch(SAID, done.output.strip())
        assert said is not None, done.output
        user = (said["airflow"], said["user"], said["password"])
        yield Stack(settings, _client.AirflowClient(*user), _client.AirflowClient(*user, "churn_retrain"), said)
    finally:
        services.down(home)
        shutil.rmtree(home.parent)


@pytest.fixture(scope="module")
def first_run(stack: Stack) -> str:
    stack.client.unpause()
    run_id = str(stack.client.trigger())
    assert stack.client.wait(run_id) == "success", stack.client.tasks(run_id)
    return run_id


def test_a_day_ends_with_letters_sent(stack: Stack, first_run: str) -> None:
    tasks = stack.client.tasks(first_run)
    assert {task["state"] for task in tasks.values()} == {"success"}
    assert "extract[erp.orders]" in tasks
    assert len([name for name in tasks if name.startswith("extract[")]) == sum(SOURCES.values())
    sent, digests, alone = stack.rows(
        "select count(*), count(distinct digest_id), count(*) filter (where digest_id is null) from alerts.outbox"
        " where state = 'sent'"
    )[0]
    assert sent > digests + alone > 0, "what is not urgent goes in digests"
    assert len(stack.letters()) == digests + alone
    assert stack.rows("select as_of_date::text, live from ops.publication") == [(company_day(stack.settings), True)]


def test_what_up_prints_is_where_everything_is(stack: Stack, first_run: str) -> None:
    """The client of these tests logged in with the address, user and password that were printed."""
    assert httpx.get(f"{stack.said['mlflow']}/health", timeout=10).text == "OK"
    assert Path(stack.said["logs"], "scheduler.log").stat().st_size > 0


def test_only_what_was_asked_for_ran(stack: Stack, first_run: str) -> None:
    """The company's own clock is not the wall's, so the schedule is off."""
    assert [run["dag_run_id"] for run in stack.client.runs()] == [first_run]


def asked_for(stack: Stack) -> str:
    """Start a run as an action of a playbook does, ask for it again as after a silence, and return its id."""
    content = ActionContent(
        as_of_date=date.fromisoformat(company_day(stack.settings)),
        company="c",
        locale="en",
        why="owner",
        key="0123456789abcdef01234567",
        action="train",
        external_id="e",
        customer_id="c1",
        customer="c",
        role="account_manager",
        step="s",
        text="t",
        due_on=date(2026, 11, 18),
        currency="USD",
    )
    user = f"{stack.said['user']}:{quote(stack.said['password'], safe='')}"
    address = stack.said["airflow"].replace("://", f"://{user}@")
    dag = AirflowDag(kind="airflow_dag", dag="churn_retrain", may_reach_private=True)
    channel = AirflowChannel("train", lambda: address, dag)
    message = Message(1, "ana@example.org", content, datetime.now(UTC))
    first, again = channel.send(message), channel.send(message)
    channel.finish()
    run_id = first.removeprefix("200 ")
    assert again == f"409 {run_id}: it was there"
    return run_id


@pytest.mark.capability("C30", "C36")
def test_the_weekly_training_ends_at_once_while_the_nights_is_new(stack: Stack, first_run: str) -> None:
    weekly = stack.weekly
    weekly.unpause()
    run_id = asked_for(stack)
    assert weekly.wait(run_id, within=120) == "success", weekly.tasks(run_id)
    states = {name: task["state"] for name, task in weekly.tasks(run_id).items()}
    assert states.pop("is_due") == "success"
    assert states == dict.fromkeys(("retrain", "find_drivers", "find_segments", "find_suggestions"), "skipped")


@pytest.mark.capability("B12", "C50")
def test_from_a_mail_of_the_run_to_the_recorded_answer(stack: Stack, first_run: str) -> None:
    mails = sorted(stack.settings.outbox.glob("*.eml"))
    read = (BytesParser(policy=policy.default).parsebytes(mail.read_bytes()) for mail in mails)
    # Beside those of cases there are a digest and the company's figures.
    message, text = next(
        (mail, part.get_content()) for mail in read if mail["X-Forewarn-Case"] and (part := mail.get_body(("plain",)))
    )
    [address] = re.findall(r"I'm on it: (\S+)", text)
    assert address.startswith(f"{stack.said['workbench']}/cases/{message['X-Forewarn-Case']}/acknowledge/")
    state = 'select state from alerts."case" where case_id = %s'
    with httpx.Client(follow_redirects=True) as browser:
        assert "Nothing is recorded until you press a button." in browser.get(address).text
        assert stack.rows(state, message["X-Forewarn-Case"]) == [("open",)]
        form = {"data": {"answer": "acknowledge"}, "headers": {"origin": stack.said["workbench"]}}
        answered = browser.post(address, **form)
        assert "Recorded: you are on it." in answered.text
        assert stack.rows(state, message["X-Forewarn-Case"]) == [("acknowledged",)]
        [undo] = re.findall(r'action="(/cases/\d+/undo/[^"]+)"', answered.text)
        form["data"] = {"answer": "undo"}
        assert "Taken back." in browser.post(stack.said["workbench"] + undo, **form).text
    token = address.rpartition("/")[2]
    logs = [file.read_text(errors="replace") for file in (stack.settings.home / "logs").glob("*.log")]
    assert any("POST /cases/{case_id}/{purpose}/{token} 303" in text for text in logs)
    assert not any(token in text for text in logs)


def test_everything_listens_on_loopback_alone(stack: Stack, first_run: str) -> None:
    started = processes.recall(services.processes_file(stack.settings.home))
    assert {item.name for item in started} == {
        *("api-server", "scheduler", "dag-processor", "triggerer", "reader-watch", "mlflow", "help-desk"),
        "workbench",
    }
    assert {address for item in started for process in _family(item.pid) for address in _listening(process)} == {
        "127.0.0.1"
    }


def again(stack: Stack, run_id: str, *tasks: str | tuple[str, int], after: bool = True) -> set[str]:
    """Clear tasks, wait, and return which tasks ran again."""
    before = stack.client.tasks(run_id)
    stack.client.clear(run_id, *tasks, after=after)
    assert stack.client.wait(run_id) == "success", stack.client.tasks(run_id)
    return {
        name for name, task in stack.client.tasks(run_id).items() if task["try_number"] > before[name]["try_number"]
    }


def test_clearing_a_task_and_all_that_follows_gives_the_same_rows(stack: Stack, first_run: str) -> None:
    before = stack.everything()
    ran = again(stack, first_run, "build_marts")
    assert {"build_marts", "gate_features", "score", "gate_scores", "publish", "open_cases", "dispatch"} <= ran
    assert not {"check_sources", "gate_raw", "build_staging", "build_intermediate"} & ran
    assert stack.everything() == before


def test_clearing_the_landing_and_the_last_task_alone_sends_nothing_twice(stack: Stack, first_run: str) -> None:
    before = stack.everything()
    one = stack.client.tasks(first_run)["extract[erp.orders]"]["map_index"]
    ran = again(stack, first_run, "streams", ("extract", one), "dispatch", after=False)
    assert ran == {"streams", "extract[erp.orders]", "dispatch"}
    assert stack.everything() == before


def test_the_same_day_again_with_a_source_that_refuses_blocks_that_one_and_sends_nothing_again(
    stack: Stack, first_run: str
) -> None:
    before = stack.everything()
    notices = "select kind, state, payload ->> 'source' from alerts.outbox where kind <> 'case'"
    heard = stack.rows(notices)
    sound = resolve("demo_erp", stack.settings)
    wrong = make_url(sound).set(password="wrong").render_as_string(hide_password=False)
    name_connection(stack.settings.home, "demo_erp", wrong)
    try:
        run_id = stack.client.trigger()
        assert stack.client.wait(run_id) == "success", stack.client.tasks(run_id)
    finally:
        name_connection(stack.settings.home, "demo_erp", sound)
    tasks = stack.client.tasks(run_id)
    refused = {name: task for name, task in tasks.items() if task["state"] == "failed"}
    assert set(refused) == {
        f"extract[erp.{stream}]" for stream in ("products", "customers", "orders", "order_lines", "returns")
    }
    assert {task["try_number"] for task in refused.values()} == {1}, "a permanent error is not tried again"
    assert tasks["check_sources"]["state"] == "success"
    *after, letters = stack.everything()
    assert after == list(before[:-1])
    told = [row for row in stack.rows(notices) if row not in heard]
    assert told == [("operations", "sent", "erp")], "operations hear of it once, and nobody else"
    assert [name.partition("-")[2] for name in letters - before[-1]] == ["erp.eml"]


def _family(pid: int) -> list[psutil.Process]:
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def _listening(process: psutil.Process) -> set[str]:
    """Return the addresses that a process listens on: none if it ended since it was found, as tasks do."""
    with suppress(psutil.NoSuchProcess):
        return {
            connection.laddr.ip
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
    return set()


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_down_ends_all_of_it(stack: Stack, first_run: str) -> None:
    started = processes.recall(services.processes_file(stack.settings.home))
    family = [process for item in started for process in _family(item.pid)]
    assert len(family) > len(started)
    ended = services.down(stack.settings.home)
    assert set(ended) == {item.name for item in started} | {"PostgreSQL"}
    assert [process for process in family if _runs(process)] == []
    with pytest.raises(psycopg2.OperationalError, match="Connection refused"):
        psycopg2.connect(dsn(stack.settings.warehouse_url))
