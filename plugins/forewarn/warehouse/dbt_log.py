"""dbt's log file, with what it says at the level of information and above.

dbt's own writer makes a line of each event, a dozen and more for every model, looks for secrets in it, and lays it
aside when its level is too low: a tenth of what a small build costs. Here only lines that are kept are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import Formatter, Handler, LogRecord, getLevelNamesMapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

from dbt_common.events.base_types import EventMsg
from dbt_common.events.functions import env_scrubber

KEPT = ("info", "warn", "error")
LARGEST_BYTES = 10 * 1024 * 1024
EARLIER_FILES = 5


class DbtLog:
    """Takes dbt's events, as a callback of one invocation, and writes those that are kept without secrets."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        handler.setFormatter(Formatter("%(asctime)s [%(levelname)-5s] %(threadName)s: %(message)s"))

    def __call__(self, event: EventMsg) -> None:
        """Write one event, if its level is kept."""
        level = event.info.level
        if level in KEPT:
            number = getLevelNamesMapping()[level.upper()]
            said = env_scrubber(event.info.msg)  # type: ignore[attr-defined]
            self._handler.handle(LogRecord("dbt", number, "", 0, said, None, None))


@contextmanager
def dbt_log(folder: Path) -> Iterator[DbtLog]:
    """Open `folder/dbt.log` for one invocation; a full file becomes `dbt.log.1`, and so on up to the fifth."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        folder / "dbt.log", maxBytes=LARGEST_BYTES, backupCount=EARLIER_FILES, encoding="utf-8", delay=True
    )
    try:
        yield DbtLog(handler)
    finally:
        handler.close()
