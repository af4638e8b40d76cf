"""Both READMEs say the same: as many sections and commands, and the same figures of the models."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
ENGLISH, CHINESE = ((PROJECT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))


def test_each_section_is_in_both() -> None:
    assert len(re.findall(r"^## ", ENGLISH, re.MULTILINE)) == len(re.findall(r"^## ", CHINESE, re.MULTILINE))


def test_each_command_and_folder_is_in_both() -> None:
    folders = r"^\| \[\w+[\w/]*\]\((\w[\w/]*)\)"
    assert re.findall(folders, ENGLISH, re.MULTILINE) == re.findall(folders, CHINESE, re.MULTILINE)
    commands = set(re.findall(r"^\| `(?:make|\.venv/bin/forewarn) (\w+)", ENGLISH, re.MULTILINE))
    assert {command for command in commands if not re.search(rf"`(?:\S+ )?{command}\b", CHINESE)} == set()


def test_the_figures_of_the_models_are_the_same() -> None:
    figures = r"\.\d{3} ± \.\d{3}"
    assert re.findall(figures, ENGLISH) == re.findall(figures, CHINESE)
    assert len(re.findall(figures, ENGLISH)) > 10
