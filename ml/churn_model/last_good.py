"""The champion that scored last, kept beside the installation, for days on which the registry does not answer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from forewarn.config.settings import Settings


def keep(settings: Settings, name: str, file: Path, version: str, tags: dict[str, str]) -> None:
    """Keep a checked model file with the tags that pin it, in place of the one before."""
    folder = settings.home / "models"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / f"{name}.skops.new")
    (folder / f"{name}.skops.new").replace(folder / f"{name}.skops")
    told = json.dumps({"version": version, "tags": tags}, indent=2)
    (folder / f"{name}.json.new").write_text(told, encoding="utf-8")
    (folder / f"{name}.json.new").replace(folder / f"{name}.json")


def find(settings: Settings, name: str) -> tuple[Path, str, dict[str, str]] | None:
    """Return file, version and tags of the kept model; None where none was kept. The caller checks the pinned hash."""
    folder = settings.home / "models"
    if not (folder / f"{name}.json").is_file() or not (folder / f"{name}.skops").is_file():
        return None
    told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return folder / f"{name}.skops", told["version"], told["tags"]
