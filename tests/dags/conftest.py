"""Airflow for tests of DAG files: its environment stands before its first import, and names no database."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="fw-airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
NO_DATABASE = HOME / "never-made.db"

ENVIRONMENT = {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{NO_DATABASE}",
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}
os.environ.update(ENVIRONMENT)
