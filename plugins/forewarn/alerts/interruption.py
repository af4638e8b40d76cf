"""SIGTERM while messages are being sent: the one in hand is finished, and then the signal takes its course."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether somebody asked this process to end."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Ask; fit as a signal handler."""
        self.asked = True


@contextmanager
def until_terminated() -> Iterator[Interruption]:
    """Hold back SIGTERM within the block, and deliver it to whoever handled it before when the block ends.

    Outside the main thread Python takes no signals, and nothing is held back.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = signal.signal(signal.SIGTERM, interruption.ask)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
        if interruption.asked:
            signal.raise_signal(signal.SIGTERM)
