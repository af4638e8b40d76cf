"""What `make up` starts and `make down` ends.

Airflow's four processes, MLflow's pages, the workbench and the watch over readers. All of them are on loopback.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.errors import ForewarnError
from forewarn.local import company, processes
from forewarn.local.databases import Databases, stop_databases, web_url
from forewarn.local.environment import (
    ADMIN,
    Ports,
    admin_password,
    airflow_environment,
    child_environment,
    forewarn_environment,
    mlflow_environment,
)
from forewarn.local.ports import LOOPBACK, free_ports
from forewarn.local.processes import Started

_HEALTHY_WITHIN = 180.0
_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True)
class Addresses:
    """Where the started services are and how to log in; `workbench` is empty where the project names none."""

    airflow: str
    mlflow: str
    workbench: str
    user: str
    password: str


def up(
    settings: Settings,
    databases: Databases,
    *,
    airflow_port: int = 0,
    mlflow_port: int = 0,
    workbench_port: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Addresses:
    """Start everything, wait until it is healthy, and return where it is.

    What an earlier `up` of this home started is ended first. A port that is taken is replaced by a free one.

    Raises
    ------
    ForewarnError
        A process ended, or was not healthy in time; its log is named.
    """
    stop_services(settings.home)
    simulated = company.is_founded(settings.home)
    served = load_project(settings.config).alerts.workbench_url is not None
    wanted = {"airflow": airflow_port, "mlflow": mlflow_port}
    wanted |= {"help_desk": 0} if simulated else {}
    wanted |= {"workbench": workbench_port} if served else {}
    ports = Ports(**dict(zip(wanted, free_ports(wanted.values()), strict=True)))
    if served:
        settings = replace(settings, web_url=web_url(settings.home, databases))
    if simulated:
        company.reconnect(settings.home, databases.server)
    environment = child_environment(airflow_environment(settings, databases.airflow_url, ports))
    tell("Airflow's database")
    migrate_airflow(settings.project, environment)
    started: list[Started] = []
    remembered = processes_file(settings.home)
    for name, command, variables in _commands(settings, ports, environment):
        tell(name)
        log = settings.home / "logs" / f"{name}.log"
        started.append(processes.start(name, command, environment=variables, folder=settings.project, log=log))
        # After each, so that a launcher that is killed half-way leaves nothing that `down` does not know.
        processes.remember(remembered, started)
    tell("health")
    try:
        wait_until_healthy(ports, started)
    except ForewarnError:
        stop_services(settings.home)
        raise
    airflow, mlflow, workbench = (
        f"http://{LOOPBACK}:{port}" if port else "" for port in (ports.airflow, ports.mlflow, ports.workbench)
    )
    return Addresses(airflow, mlflow, workbench, ADMIN, admin_password(settings.home))


def down(home: Path) -> list[str]:
    """End what was started for this home, by process id, the database last; return what was still running."""
    ended = stop_services(home)
    return [*ended, "PostgreSQL"] if stop_databases(home) else ended


def stop_services(home: Path) -> list[str]:
    """End the processes of this home and forget them."""
    file = processes_file(home)
    # The scheduler first: it starts tasks.
    ended = processes.stop(sorted(processes.recall(file), key=lambda item: item.name != "scheduler"))
    file.unlink(missing_ok=True)
    return ended


def processes_file(home: Path) -> Path:
    """Return the file that remembers what was started."""
    return home / "processes.json"


def migrate_airflow(project: Path, environment: dict[str, str]) -> None:
    """Bring Airflow's own database up to date.

    Raises
    ------
    ForewarnError
        With the end of what the migration said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=environment,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ForewarnError(
            "airflow db migrate",
            expected="a migrated database",
            got=(done.stderr or done.stdout).strip()[-800:],
            next_step="run `forewarn doctor`",
        )


def wait_until_healthy(ports: Ports, started: Sequence[Started], *, within: float = _HEALTHY_WITHIN) -> None:
    """Return as soon as every part reports itself healthy.

    Raises
    ------
    ForewarnError
        A process ended, or time is up.
    """
    give_up = time.monotonic() + within
    ill: list[str] = []
    while time.monotonic() < give_up:
        for item in started:
            if item.process() is None:
                raise ForewarnError(
                    item.name,
                    expected="a running process",
                    got=f"it ended; its last words:\n{item.last_words()}\n",
                    next_step=f"read {item.log}",
                )
        ill = _ill(ports)
        if not ill:
            return
        time.sleep(0.5)
    raise ForewarnError(
        ", ".join(ill),
        expected=f"healthy within {within:.0f} s",
        got="no sign of it",
        next_step=f"read the logs in {Path(started[0].log).parent}",
    )


def _ill(ports: Ports) -> list[str]:
    try:
        airflow = httpx.get(f"http://{LOOPBACK}:{ports.airflow}/api/v2/monitor/health", timeout=5).json()
        ill = [part for part in _PARTS if (airflow.get(part) or {}).get("status") != "healthy"]
    except (httpx.HTTPError, ValueError):
        return ["api-server"]
    asked = {"mlflow": f"http://{LOOPBACK}:{ports.mlflow}/health"}
    if ports.workbench:
        asked["workbench"] = f"http://{LOOPBACK}:{ports.workbench}/healthz"
    return [*ill, *(name for name, address in asked.items() if not _answers(address))]


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _commands(
    settings: Settings, ports: Ports, environment: dict[str, str]
) -> list[tuple[str, list[str], dict[str, str]]]:
    airflow = [sys.executable, "-m", "airflow"]
    ours = forewarn_environment(settings)
    mlflow = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(ports.mlflow)]
    commands = [
        ("api-server", [*airflow, "api-server"], environment),
        # Their log servers would listen on every interface; the API server reads the same files here.
        ("scheduler", [*airflow, "scheduler", "--skip-serve-logs"], environment),
        ("dag-processor", [*airflow, "dag-processor"], environment),
        ("triggerer", [*airflow, "triggerer", "--skip-serve-logs"], environment),
        ("reader-watch", [sys.executable, "-m", "forewarn", "access", "watch"], child_environment(ours)),
        ("mlflow", [*mlflow, "--workers", "1"], child_environment(mlflow_environment(settings))),
    ]
    if ports.workbench:
        # With its own rights alone: what owns the warehouse is not in its environment.
        served = child_environment(ours | {"FOREWARN_WAREHOUSE_URL": settings.web_url, "FOREWARN_MLFLOW_URL": "unused"})
        workbench = [sys.executable, "-m", "forewarn", "workbench", "--port", str(ports.workbench)]
        commands.append(("workbench", workbench, served))
    if ports.help_desk:
        desk = company.help_desk_command(settings.home, ports.help_desk)
        commands.insert(0, ("help-desk", desk, child_environment(ours)))
    return commands


def running(home: Path) -> list[str]:
    """Return the names of this home's processes that are alive."""
    return [item.name for item in processes.recall(processes_file(home)) if item.process() is not None]
