"""Reading a DAG file is cheap and touches nothing: it happens every half minute, in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    "shap",
    "sklearn",
}
# Measures the file itself: Airflow is imported before the clock starts. A socket that is opened is an error.
PROBE = """
import json, runpy, socket, sys, time
import airflow.sdk
for name in ("Param", "chain", "dag", "task", "BaseOperator", "ExceptionRetryPolicy", "RetryAction", "RetryRule"):
    getattr(airflow.sdk, name)
before = set(sys.modules)
def refuse(*arguments):
    raise AssertionError(f"a connection was opened: {arguments}")
socket.socket.connect = refuse
started = time.perf_counter()
runpy.run_path(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - started, "modules": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def probe() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(PROJECT / "dags" / "churn_daily.py")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "plugins")},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_importing_takes_well_under_a_second(probe: dict[str, Any]) -> None:
    print(f"dags/churn_daily.py imports in {probe['seconds']:.3f} s beyond `import airflow`")
    # The promise is one second; a test machine that is busy gets some mercy.
    assert probe["seconds"] < 3


def test_nothing_heavy_is_imported(probe: dict[str, Any]) -> None:
    imported = {name for name in probe["modules"] if name in HEAVY or name.split(".")[0] in HEAVY}
    assert imported == set()


def test_no_database_was_made(probe: dict[str, Any]) -> None:
    url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url.startswith("sqlite:///")
    assert not Path(url.removeprefix("sqlite:///")).exists()
