"""Long work of one command: how far it is, for who watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from forewarn.cli.board import Board
from forewarn.progress import Progress, untold


@contextmanager
def working(name: str, console: Console | None = None) -> Iterator[Progress]:
    """Show a bar while something runs, on standard error; where that is no terminal, nothing.

    What the command prints is then the same in a pipe as on a screen.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield untold
        return
    with Board(console) as board:
        board.begin(name)
        try:
            yield board.move
        except BaseException:
            board.fail()
            raise
        board.end()
