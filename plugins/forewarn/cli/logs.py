"""What is logged, and in which form: lines to read, or an object a line for machines that gather logs."""

from __future__ import annotations

import logging

import structlog

_FIELDS: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def log_to_stderr(form: str) -> None:
    """Send this process's logs to standard error: as JSON where `form` is `json`, otherwise as plain lines.

    Our messages name streams, cases and counts, and no person (FAULTS 81).
    """
    handler = logging.StreamHandler()
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
