"""Processor seconds of a benchmark: of everything that the PostgreSQL server did for it, and of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil


def of_server(data: Path) -> float:
    """Return the seconds spent so far by the server over a data directory and by its backends, ended or not."""
    server = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
    while True:
        times = server.cpu_times()
        total = times.user + times.system + times.children_user + times.children_system
        for backend in server.children():
            try:
                part = backend.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += part.user + part.system
        later = server.cpu_times()
        # A backend whose end fell between the two readings is in neither: it had seconds to lose.
        if (later.children_user, later.children_system) == (times.children_user, times.children_system):
            return float(total)


def of_all(data: Path) -> float:
    """Return the seconds of the server and of this process."""
    own = psutil.Process().cpu_times()
    return of_server(data) + own.user + own.system


def measure(data: Path, action: Callable[[], object]) -> tuple[float, float]:
    """Run an action; return seconds of the clock, and of the processor by the server and this process."""
    before, began = of_all(data), time.perf_counter()
    action()
    seconds = time.perf_counter() - began
    return seconds, of_all(data) - before
