"""Reading a DAG file is cheap and touches nothing: it happens every half minute, in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = {
    "alembic.command",
    "churn_model",
    "dbt",
    "dlt",
    "forewarn.alerts",
    "forewarn.quality",
    "forewarn.sources",
    "great_expectations",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "psycopg2",
    "pyarrow",
    "sklearn",
}
LIMIT = 1.0
FILES = ("churn_daily.py", "churn_evaluate.py", "churn_housekeeping.py", "churn_retention.py", "churn_retrain.py")
# Measures the file itself, in processor seconds, user and system: Airflow is imported before the clock starts, and a
# busy machine costs nothing. A connection that is opened is an error. psycopg2 is taken out of the imported modules
# after its connecting half was replaced, so that a file that imports it is still found out.
PROBE = """
import json, runpy, socket, sys, time
import airflow.sdk
for name in ("Param", "chain", "dag", "task", "BaseOperator", "ExceptionRetryPolicy", "RetryAction", "RetryRule"):
    getattr(airflow.sdk, name)
import psycopg2._psycopg
def refuse(*arguments, **more):
    raise AssertionError(f"a connection was opened: {arguments}")
socket.socket.connect = socket.socket.connect_ex = psycopg2._psycopg._connect = refuse
del sys.modules["psycopg2"]
before = set(sys.modules)
started = time.process_time()
runpy.run_path(sys.argv[1])
print(json.dumps({"seconds": time.process_time() - started, "modules": sorted(set(sys.modules) - before)}))
"""


def _read(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROBE, str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "plugins")},
    )


@pytest.fixture(scope="module", params=FILES)
def probe(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What reading one DAG file found: the quickest of three at most, for what else a machine does only adds to it."""
    found: list[dict[str, Any]] = []
    while len(found) < 3 and all(one["seconds"] >= LIMIT for one in found):
        done = _read(PROJECT / "dags" / request.param)
        assert (done.returncode, done.stderr) == (0, "")
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return min(found, key=itemgetter("seconds"))


def test_every_dag_file_is_probed() -> None:
    assert sorted(file.name for file in (PROJECT / "dags").glob("*.py")) == sorted(FILES)


def test_importing_takes_below_a_second(probe: dict[str, Any]) -> None:
    print(f"imports in {probe['seconds']:.3f} processor seconds beyond `import airflow`")
    assert probe["seconds"] < LIMIT


def test_nothing_heavy_is_imported(probe: dict[str, Any]) -> None:
    assert {name for name in probe["modules"] if name in HEAVY or name.split(".")[0] in HEAVY} == set()


OPENS = """
import socket
import psycopg2
for opens in (
    lambda: socket.socket().connect(("127.0.0.1", 9)),
    lambda: socket.socket().connect_ex(("127.0.0.1", 9)),
    lambda: psycopg2.connect("host=127.0.0.1 port=9"),
):
    try:
        opens()
    except AssertionError as error:
        print("refused:", error)
    except Exception as error:
        print("tried:", error)
    else:
        print("done")
"""


def test_the_probe_refuses_every_way_to_connect_and_names_the_driver(tmp_path: Path) -> None:
    file = tmp_path / "opens.py"
    file.write_text(OPENS)
    *tried, found = _read(file).stdout.splitlines()
    assert [line.partition(":")[0] for line in tried] == ["refused"] * 3
    assert "psycopg2" in json.loads(found)["modules"]


def test_no_database_was_made(probe: dict[str, Any]) -> None:
    url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url.startswith("sqlite:///")
    assert not Path(url.removeprefix("sqlite:///")).exists()
