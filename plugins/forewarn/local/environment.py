"""The environment of every process that the launcher starts, and of the demo's own run."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from forewarn.config.settings import Settings
from forewarn.local.files import once
from forewarn.local.link_key import ensure_link_key
from forewarn.local.ports import LOOPBACK
from forewarn.stages import own_day

ADMIN = "admin"

QUIET = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "SCARF_ANALYTICS": "false",
}


@dataclass(frozen=True)
class Ports:
    """Ports on loopback; 0 where a process is not started."""

    airflow: int = 0
    mlflow: int = 0
    help_desk: int = 0
    workbench: int = 0


def forewarn_environment(settings: Settings) -> dict[str, str]:
    """Return the variables by which another process finds this installation."""
    return {
        "FOREWARN_PROJECT": str(settings.project),
        "FOREWARN_CONFIG": str(settings.config),
        "FOREWARN_HOME": str(settings.home),
        "FOREWARN_WAREHOUSE_URL": settings.warehouse_url,
        "FOREWARN_MLFLOW_URL": settings.mlflow_url,
        # Numerical libraries otherwise start a thread for each core in each task.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(min(4, os.cpu_count() or 1))),
        **QUIET,
    }


def airflow_environment(settings: Settings, airflow_url: str, ports: Ports) -> dict[str, str]:
    """Return the variables of Airflow's processes; keys and the password are made once and kept under `home`."""
    folder = settings.home / "airflow"
    address = f"http://{LOOPBACK}:{ports.airflow}"
    admin_password(settings.home)
    ensure_link_key(settings.home)
    return {
        **forewarn_environment(settings),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_url,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(max(2, min(8, os.cpu_count() or 2))),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.project / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": once(settings.home / "secrets" / "fernet_key", _fernet_key),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_file(settings.home)),
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(ports.airflow),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": once(settings.home / "secrets" / "api_key", _key),
        "AIRFLOW__API_AUTH__JWT_SECRET": once(settings.home / "secrets" / "jwt_secret", _key),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "FOREWARN_MLFLOW_ADDRESS": f"http://{LOOPBACK}:{ports.mlflow}" if ports.mlflow else "",
        "FOREWARN_WORKBENCH_ADDRESS": f"http://{LOOPBACK}:{ports.workbench}" if ports.workbench else "",
        # Data that end on a day of their own are run when somebody asks, not when the wall clock says so.
        **({"FOREWARN_SCHEDULE": ""} if own_day(settings) else {}),
    }


def mlflow_environment(settings: Settings) -> dict[str, str]:
    """Return the variables of the MLflow server; its store's password must not stand on a command line."""
    return {
        **forewarn_environment(settings),
        "MLFLOW_BACKEND_STORE_URI": settings.mlflow_url,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": str(settings.artifacts),
    }


def admin_password(home: Path) -> str:
    """Return the password of Airflow's administrator, made on first use."""
    content: dict[str, str] = json.loads(
        once(_passwords_file(home), lambda: json.dumps({ADMIN: secrets.token_urlsafe(18)}))
    )
    return content[ADMIN]


def child_environment(extra: dict[str, str]) -> dict[str, str]:
    """Return this process's environment with `extra`; without the switch that makes each start compile anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | extra


def _passwords_file(home: Path) -> Path:
    return home / "secrets" / "airflow_passwords.json"


def _key() -> str:
    return secrets.token_hex(32)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
