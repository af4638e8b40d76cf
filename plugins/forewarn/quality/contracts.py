"""The columns that dbt's models promise their readers."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ruamel.yaml import YAML


def contract(folder: Path, table: str) -> str:
    """Return SQL of the columns that a model declares, `column_name` and `data_type` (null where none is said).

    Nothing is returned for a table that no model of the folder makes.
    """
    columns = _models(folder).get(table.rpartition(".")[2], {})
    rows = ", ".join(f"('{name}', nullif('{kind}', ''))" for name, kind in columns.items())
    return f"(values {rows})" if rows else ""


@lru_cache(maxsize=4)
def _models(folder: Path) -> dict[str, dict[str, str]]:
    return {
        model["name"]: {column["name"]: column.get("data_type", "") for column in model.get("columns", [])}
        for file in sorted(folder.rglob("*.yml"))
        for model in (YAML(typ="safe").load(file.read_text(encoding="utf-8")) or {}).get("models", [])
    }
