"""Two ways to leave the machine's few cores to work that counts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold OpenMP and BLAS to one thread in the calling thread, for fitting and predicting.

    Histogram boosting spins while it waits for its other threads, and so does the algebra of a fit of four parameters.
    Beside PostgreSQL, Airflow or another task on the same few cores that costs far more than it gains: fitting 24,000
    rows took 0.5 s on one thread and 11 s on two of a busy two-core machine. While one thread predicts, the other core
    reads.
    """
    with threadpool_limits(limits=1):
        yield


@contextmanager
def no_cycles() -> Iterator[None]:
    """Pause the cycle collector while many small acyclic objects are made.

    Each of its passes walks the whole heap, which the model libraries have made large, and finds nothing; it took half
    of the time that sentences take. Reference counts still free everything.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
