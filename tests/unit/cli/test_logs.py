"""The log of a service: an object a line, with its exception, and nothing else on the stream."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import psycopg2.errors
import pytest

from forewarn.cli.logs import log_to_stderr


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_each_line_is_one_object_even_with_an_exception(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("json")
    logger = logging.getLogger("forewarn.workbench")
    logger.info("%s %s %d", "GET", "/a/{purpose}", 200, extra={"status": 200})
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("Über «%s»", "erp.orders")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first == {
        "event": "GET /a/{purpose} 200",
        "level": "info",
        "logger": "forewarn.workbench",
        "status": 200,
        "timestamp": first["timestamp"],
    }
    assert second["event"] == "Über «erp.orders»"
    assert "ValueError: two\nlines" in second["exception"]


@pytest.mark.parametrize("form", ["json", "lines"])
def test_81_what_a_database_quotes_of_a_row_is_not_logged(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(form)
    error = psycopg2.errors.UniqueViolation("duplicate key\nDETAIL:  Key (email)=(ada@acme.example) already exists.")
    try:
        raise error
    except psycopg2.Error:
        logging.getLogger("forewarn.workbench").exception("Exception in ASGI application")
    said = capsys.readouterr().err
    assert "UniqueViolation: duplicate key" in said
    assert "test_logs.py" in said, "where it happened is still told"
    assert "ada@acme.example" not in said


def test_lines_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("lines")
    logging.getLogger("forewarn").info("12 sent")
    assert capsys.readouterr().err.endswith(" INFO 12 sent\n")
