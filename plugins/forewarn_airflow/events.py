"""What happens to the tasks of a run in this process, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow.listeners import hookimpl
from airflow.sdk import TaskInstanceState

Tell = Callable[["TaskEvent"], None]


@dataclass(frozen=True)
class TaskEvent:
    """A task instance began or ended.

    Attributes
    ----------
    task_id : str
    label : str
        Its name among the instances of a mapped task (`crm.accounts`); empty otherwise.
    state : str
        `running`, `success`, `failed` or `up_for_retry`.
    seconds : float
        How long it ran; 0 while it does.
    summary : Any
        What the task returned.
    error : BaseException or str or None
    """

    task_id: str
    label: str
    state: str
    seconds: float = 0.0
    summary: Any = None
    error: BaseException | str | None = None


class TaskListener:
    """Turns Airflow's notices into events; `ended` holds those that ended, in that order."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._started = tell, dict[tuple[str, int], float]()
        self.ended: list[TaskEvent] = []

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Note the start."""
        self._started[(task_instance.task_id, task_instance.map_index)] = time.perf_counter()
        self._tell(TaskEvent(task_instance.task_id, _label(task_instance), "running"))

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Tell the result."""
        summary = task_instance.xcom_pull(task_ids=task_instance.task_id, map_indexes=task_instance.map_index)
        self._end(task_instance, "success", summary=summary)

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: BaseException | str | None) -> None:
        """Tell the error; Airflow gives notice of an attempt that will be repeated as well."""
        again = str(getattr(task_instance, "state", "")) == TaskInstanceState.UP_FOR_RETRY.value
        self._end(task_instance, "up_for_retry" if again else "failed", error=error)

    def _end(self, instance: Any, state: str, **more: Any) -> None:
        started = self._started.pop((instance.task_id, instance.map_index), time.perf_counter())
        event = TaskEvent(instance.task_id, _label(instance), state, time.perf_counter() - started, **more)
        self.ended.append(event)
        self._tell(event)


def _label(instance: Any) -> str:
    if instance.map_index is None or instance.map_index < 0:
        return ""
    return str(getattr(instance, "rendered_map_index", None) or instance.map_index)
