"""The board adds up what tasks report, and shows a mapped task as one stage."""

from __future__ import annotations

import io
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from forewarn.cli.board import Board, Stage


def event(task_id: str, state: str, *, label: str = "", summary: Any = None) -> Any:
    return SimpleNamespace(task_id=task_id, label=label, state=state, seconds=1.0, summary=summary, error=None)


def shown(*events: Any) -> tuple[Board, str]:
    console = Console(file=io.StringIO(), width=160)
    with Board(console) as board:
        for one in events:
            board.task(one)
    text = console.file
    assert isinstance(text, io.StringIO)
    return board, text.getvalue()


def test_instances_of_a_mapped_task_are_one_line() -> None:
    board, text = shown(
        event("streams", "running"),
        event("streams", "success", summary=[{}, {}]),
        event("extract", "running", label="crm.accounts"),
        event("extract", "success", label="crm.accounts", summary={"rows_in": 1200, "batch_id": 7, "source": "crm"}),
        event("extract", "running", label="erp.orders"),
        event("extract", "success", label="erp.orders", summary={"rows_in": 300, "rows_quarantined": 2}),
    )
    assert [stage.name for stage in board.stages] == ["streams", "extract"]
    assert "2 streams, 1,500 rows in, 2 rows quarantined" in text
    assert text.count("extract") == 1


def test_a_stream_that_failed_is_named_and_the_others_are_counted() -> None:
    _, text = shown(
        event("streams", "running"),
        event("streams", "success", summary=[{}, {}]),
        event("extract", "running", label="erp.orders"),
        event("extract", "failed", label="erp.orders"),
        event("extract", "success", label="crm.accounts", summary={"rows_in": 1200}),
    )
    assert "! extract" in text
    assert "1 of 2 streams failed: erp.orders, 1,200 rows in" in text
    assert "✗" not in text


def test_a_failed_task_leaves_a_cross() -> None:
    _, text = shown(event("gate_raw", "running"), event("gate_raw", "failed"))
    assert "✗ gate_raw" in text
    assert "✓" not in text


def test_one_is_told_in_the_singular() -> None:
    stage = Stage("extract")
    stage.add({"rows_loaded": 1, "files": 2, "seeds": 1, "full": 1})
    assert stage.line() == "1 row loaded, 2 files, 1 seed, 1 full"


def test_why_a_stage_did_nothing_is_told() -> None:
    stage = Stage("score")
    stage.add({"scored": 0, "skipped": "no champion", "trained": False})
    assert stage.line() == "no champion"


def test_on_a_terminal_what_libraries_print_stays_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = io.StringIO()
    with Board(Console(file=terminal, force_terminal=True, width=160)) as board:
        board.begin("airflow")
        print("Waiting for migrations")
        print("Using selector", file=sys.stderr)
        board.end()
    assert "airflow" in terminal.getvalue()
    assert not re.search("Waiting|Using", terminal.getvalue())
    assert capsys.readouterr() == ("Waiting for migrations\n", "Using selector\n")


def test_on_the_screen_of_this_process_it_stands_above_the_moving_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    with Board(Console(force_terminal=True, width=160)) as board:
        board.begin("build")
        print("42 models")
        board.end()
    before, after = screen.getvalue().split("42 models\n")
    assert "✓" not in before
    assert "✓" in after
