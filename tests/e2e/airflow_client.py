"""Airflow as somebody outside sees it: logs in, asks and triggers over its REST API."""

from __future__ import annotations

import time
from typing import Any

import httpx

DAG = "churn_daily"
END_STATES = {"success", "failed"}


class AirflowClient:
    """A session of a user with one DAG."""

    def __init__(self, address: str, user: str, password: str, dag: str = DAG) -> None:
        token = httpx.post(f"{address}/auth/token", json={"username": user, "password": password}, timeout=30)
        token.raise_for_status()
        self._http = httpx.Client(
            base_url=f"{address}/api/v2",
            headers={"Authorization": f"Bearer {token.json()['access_token']}"},
            timeout=30,
        )
        self._dag = dag

    def unpause(self) -> None:
        """Let runs start."""
        self._http.patch(f"/dags/{self._dag}", json={"is_paused": False}).raise_for_status()

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs."""
        found: list[dict[str, Any]] = self._http.get(f"/dags/{self._dag}/dagRuns").raise_for_status().json()["dag_runs"]
        return found

    def trigger(self, **conf: Any) -> str:
        """Start a run and return its id."""
        answer = self._http.post(f"/dags/{self._dag}/dagRuns", json={"logical_date": None, "conf": conf})
        return str(answer.raise_for_status().json()["dag_run_id"])

    def clear(self, run_id: str, *tasks: str | tuple[str, int], after: bool = True) -> None:
        """Clear tasks, a mapped one by name and index, and all after them: they run again in the same run."""
        self._http.post(
            f"/dags/{self._dag}/clearTaskInstances",
            json={
                "dry_run": False,
                "dag_run_id": run_id,
                "task_ids": tasks,
                "include_downstream": after,
                "only_failed": False,
                "reset_dag_runs": True,
            },
        ).raise_for_status()

    def wait(self, run_id: str, *, within: float = 420) -> str:
        """Return the state in which a run ends."""
        give_up = time.monotonic() + within
        while time.monotonic() < give_up:
            state = str(self._http.get(f"/dags/{self._dag}/dagRuns/{run_id}").raise_for_status().json()["state"])
            if state in END_STATES:
                return state
            time.sleep(1)
        raise AssertionError(f"{run_id} did not end within {within} s: {self.tasks(run_id)}")

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by name; those of a mapped task as `extract[crm.accounts]`."""
        answer = self._http.get(f"/dags/{self._dag}/dagRuns/{run_id}/taskInstances", params={"limit": 100})
        return {
            one["task_id"] + (f"[{one['rendered_map_index']}]" if one["map_index"] >= 0 else ""): one
            for one in answer.raise_for_status().json()["task_instances"]
        }
