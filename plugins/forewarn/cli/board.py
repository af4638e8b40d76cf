"""Progress by stage: a moving line for the one that runs, a line that stays for each that ended."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from forewarn_airflow.events import TaskEvent


@dataclass
class Stage:
    """One stage: how long it took and what it counted."""

    name: str
    seconds: float = 0.0
    parts: int = 0
    failed: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, summary: Any) -> None:
        """Add the summary of one task; numbers are summed, texts are kept."""
        for name, value in summary.items() if isinstance(summary, dict) else ():
            if isinstance(value, bool) or value is None or name.endswith("_id"):
                continue
            if isinstance(value, int):
                self.counts[name] += value
            elif isinstance(value, str) and name in {"rejected", "skipped", "note"}:
                self.notes.append(value)

    def line(self) -> str:
        """Return the counts that are worth a word."""
        words = [f"{value:,} {_counted(name, value)}" for name, value in self.counts.items() if value]
        if self.failed:
            words.insert(0, f"{len(self.failed)} of {self.parts} streams failed: {', '.join(self.failed)}")
        elif self.parts > 1:
            words.insert(0, f"{self.parts} streams")
        return ", ".join([*words, *self.notes])


def _counted(name: str, value: int) -> str:
    """Return what was counted as words: `rows_in` as "rows in", and as "row in" where it is one."""
    first, *more = name.split("_")
    return " ".join([first.removesuffix("s") if value == 1 else first, *more])


class Board:
    """Shows stages on a console; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self.stages: list[Stage] = []
        self._console = console
        # What libraries print beside a moving line goes above it where it shares the screen. Where the output of this
        # process goes to a file (see `quiet`), it must not be taken out of it and put on the screen.
        shared = console.file in (sys.stdout, sys.stderr)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=shared,
            redirect_stderr=shared,
        )
        self._row: TaskID | None = None
        self._began = 0.0
        self._expected: dict[str, int] = {}

    def __enter__(self) -> Board:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, name: str, total: int | None = None) -> None:
        """Show a new stage; the one before must have ended."""
        self.stages.append(Stage(name))
        self._began = time.perf_counter()
        self._row = self._progress.add_task(name, total=total, detail="")

    def move(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        """Show how far the running stage is."""
        if self._row is not None:
            self._progress.update(self._row, detail=detail, completed=done, total=total)

    def add(self, summary: Any) -> None:
        """Add the summary of a part of the running stage."""
        self.stages[-1].add(summary)

    def end(self, summary: Any = None) -> None:
        """End the running stage with what it counted, and leave its line."""
        stage = self.stages[-1]
        stage.seconds = time.perf_counter() - self._began
        stage.add(summary)
        if self._row is not None:
            self._progress.remove_task(self._row)
            self._row = None
        mark = "[yellow]![/]" if stage.failed else "[green]✓[/]"
        self._console.print(f"  {mark} {stage.name:<18} [bold]{stage.seconds:6.1f} s[/]  [dim]{stage.line()}[/]")

    def fail(self) -> None:
        """End the running stage as failed."""
        if self._row is not None:
            self._progress.remove_task(self._row)
            self._row = None
        self._console.print(f"  [red]✗[/] {self.stages[-1].name}")

    def task(self, event: TaskEvent) -> None:
        """Follow one of Airflow's tasks; the instances of a mapped task are one stage."""
        name = event.task_id
        if event.state == "running":
            if not self.stages or self.stages[-1].name != name:
                self.begin(name, self._expected.get(name))
            self.move(event.label)
        elif event.state == "up_for_retry":
            self.move(f"{event.label} failed, will be tried again")
        elif event.state == "failed" and name not in self._expected:
            self.fail()
        elif name == "streams":
            self._expected["extract"] = len(event.summary or ())
            self.end({"streams": len(event.summary or ())})
        elif name in self._expected:
            stage = self.stages[-1]
            stage.parts += 1
            if event.state == "failed":
                stage.failed.append(event.label)
            if stage.parts == self._expected[name]:
                self.end(event.summary)
            else:
                stage.add(event.summary)
                self.move(event.label, done=stage.parts)
        else:
            self.end(event.summary)
