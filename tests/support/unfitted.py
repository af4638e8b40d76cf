"""The pipelines by the name of their candidate."""

from __future__ import annotations

from typing import Any

from churn_model.pipelines import LogitAverage, boosting, logistic

HORIZON = 60


def candidate(name: str, rows: int) -> Any:
    """Return an unfitted logistic, boosting or average."""
    made = {"logistic": logistic(HORIZON), "boosting": boosting(rows, HORIZON)}
    return LogitAverage(**made) if name == "average" else made[name]
