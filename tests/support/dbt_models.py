"""What dbt's YAML says of each model, one entry a file of SQL: an older version of a model is one of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def documented(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is said of each model by the stem of its file, `version` of older ones among it."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.rglob("*.yml")):
        for model in YAML(typ="safe").load(file.read_text("utf-8")).get("models", []):
            for version in model.get("versions", [{"v": 1, "defined_in": model["name"]}]):
                stem = version.get("defined_in", f"{model['name']}_v{version['v']}")
                found[stem] = model | {name: version[name] for name in ("description", "data_tests") if name in version}
                found[stem]["columns"] = _columns(model["columns"], version.get("columns", []))
                if version["v"] != model.get("latest_version", 1):
                    found[stem]["deprecation_date"] = version["deprecation_date"]
    return found


def _columns(latest: list[dict[str, Any]], changed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    without = {name for one in changed for name in one.get("exclude", [])}
    return [one for one in latest if one["name"] not in without] + [one for one in changed if "name" in one]
