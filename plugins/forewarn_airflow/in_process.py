"""Run the real DAG in this process, without a scheduler.

Airflow reads its environment when it is first imported, and so when this module is: set it before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.listener import get_listener_manager
from airflow.utils import db

from forewarn.errors import ForewarnError
from forewarn_airflow.events import TaskEvent, TaskListener, Tell


@dataclass(frozen=True)
class Outcome:
    """One run of a DAG: its end state, its tasks in the order in which they ended, and its wall time."""

    state: str
    seconds: float
    tasks: Sequence[TaskEvent]

    @property
    def failure(self) -> TaskEvent | None:
        """The first task that failed for good."""
        return next((event for event in self.tasks if event.state == "failed"), None)


def migrate() -> None:
    """Bring Airflow's database up to date; does nothing when it is."""
    try:
        db.check_migrations(timeout=0)  # type: ignore[no-untyped-call]
    except TimeoutError:
        db.initdb()


def run_dag(dags: Path, dag_id: str, *, conf: dict[str, Any], tell: Tell = lambda _: None) -> Outcome:
    """Run a DAG by `dag.test()`.

    Raises
    ------
    ForewarnError
        The folder holds no such DAG, or it cannot be imported.
    """
    file = dags / f"{dag_id}.py"
    bag = DagBag(dag_folder=str(file))
    if dag_id not in bag.dags:
        reasons = "; ".join(str(error).strip().splitlines()[-1] for error in bag.import_errors.values())
        raise ForewarnError(
            f"DAG {dag_id}", expected=f"one in {file}", got=reasons or "none", next_step=f"run `python {file}`"
        )
    listener = TaskListener(tell)
    manager = get_listener_manager()
    manager.add_listener(listener)  # type: ignore[no-untyped-call]
    started = time.perf_counter()
    try:
        run = bag.dags[dag_id].test(run_conf=conf)
    finally:
        # The manager is one for the whole process; another run must not be told to this listener.
        manager.pm.unregister(listener)
    return Outcome(str(getattr(run.state, "value", run.state)), time.perf_counter() - started, listener.ended)
