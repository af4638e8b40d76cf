"""The console that commands print to."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console

_WIDTH_WITHOUT_TERMINAL = 140


def screen(stream: TextIO | None = None) -> Console:
    """Return a console on a stream, standard output unless another is given.

    Where nobody's terminal sets the width, it is one at which tables are whole: rich would cut them to 80 columns, in a
    file or a pipe for ever. `COLUMNS` says otherwise.
    """
    terminal = (stream or sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(file=stream, width=None if terminal else _WIDTH_WITHOUT_TERMINAL)
