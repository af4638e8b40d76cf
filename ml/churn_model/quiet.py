"""Keep other packages' warnings about their own dependencies out of the run's log."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the deprecation warnings that mlflow and skops set off inside their own dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
