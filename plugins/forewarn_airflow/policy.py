"""What every task of Forewarn's DAGs has in common: an owner, retries that back off, and an end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

PERMANENT_ERRORS_FAIL = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="forewarn.errors.Permanent",
            action=RetryAction.FAIL,
            reason="trying again cannot help: the error names what to change",
        )
    ]
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "data-platform",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": PERMANENT_ERRORS_FAIL,
    "execution_timeout": timedelta(hours=1),
}
