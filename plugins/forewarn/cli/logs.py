"""What is logged, and in which form: lines to read, or an object a line for machines that gather logs."""

from __future__ import annotations

import logging

import psycopg2
import structlog

_FIELDS: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class _NoValues(logging.Filter):
    """Keeps of a database's error its first line: the others quote the row, and a row may be of a person."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the exception of a record; every record passes."""
        kind, error, trace = record.exc_info or (None, None, None)
        if kind is not None and isinstance(error, psycopg2.Error):
            record.exc_info = kind, kind(str(error).partition("\n")[0]), trace
        return True


def log_to_stderr(form: str) -> None:
    """Send this process's logs to standard error: as JSON where `form` is `json`, otherwise as plain lines.

    Our messages name streams, cases and counts, and no person (FAULTS 81).
    """
    handler = logging.StreamHandler()
    handler.addFilter(_NoValues())
    if form == "json":
        structured = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_FIELDS,
                processors=[
                    structured,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(ensure_ascii=False),
                ],
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
