"""A command that an error, a document or an expectation tells somebody to type exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from forewarn.cli import app

PROJECT = Path(__file__).resolve().parents[2]
PLACES = ("plugins", "ml", "expectations", "docs", "config", "README.md", "CONTRIBUTING.md", "Makefile", "docker")
KINDS = {".py", ".yml", ".md", ""}
NAMED = re.compile(r"(?:`|remedy: .*: |python -m |bin/)forewarn((?: [a-z][a-z-]*| --[a-z-]+| [A-Z{<][\w{}.<>-]*)+)")


def _named() -> Iterator[tuple[str, list[str]]]:
    for place in PLACES:
        root = PROJECT / place
        for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if file.is_file() and file.suffix in KINDS and "secrets" not in file.parts:
                for match in NAMED.finditer(file.read_text(encoding="utf-8")):
                    yield f"{file.relative_to(PROJECT)}: forewarn{match[1]}", match[1].split()


@pytest.mark.parametrize(("place", "words"), [pytest.param(*named, id=named[0]) for named in _named()])
def test_the_command_exists_with_its_options(place: str, words: list[str]) -> None:
    command: Any = get_command(app)
    parameters = list(command.params)
    rest = iter(words)
    for word in rest:
        if word in getattr(command, "commands", {}):
            command = command.commands[word]
            parameters += command.params
        elif word.startswith("--"):
            known = {option: one for one in parameters for option in one.opts + one.secondary_opts}
            assert word == "--" or word in known, f"{place}: no option {word}"
            if word != "--" and not known[word].is_flag:
                next(rest, None)
        else:
            assert not hasattr(command, "commands"), f"{place}: no command {word}"


def test_commands_are_named_in_many_places() -> None:
    assert len(list(_named())) > 15
