"""How the workbench fares: how often one address may ask, and how long answers take, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from prometheus_client import Histogram

if TYPE_CHECKING:
    from starlette.types import Scope

SECONDS = Histogram(
    "forewarn_workbench_request_seconds",
    "How long answers of the workbench took, by method, the route's pattern and status.",
    ("method", "route", "status"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10, 120),
)


class Flood:
    """Counts the requests of each address within the last minute, in this process's memory."""

    def __init__(self, a_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(a_minute)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def is_over(self, scope: Scope) -> bool:
        """Count a request and tell whether its address has asked too often."""
        address, _ = scope.get("client") or ("unknown", 0)
        return not self._window.hit(self._limit, address)
