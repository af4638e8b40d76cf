"""Nested JSON as columns: `outer__inner` for an object, `list__0__inner` for a list's first element."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

_ELEMENT = re.compile(r"__\d+(?:__|$)")
_MAX_DEPTH = 4


def flatten(record: dict[str, Any], names: Sequence[str] = (), prefix: str = "") -> dict[str, Any]:
    """Return a record with nested objects as `outer__inner`; lists stay JSON.

    Of `names`, those that count into a list (`lines__data__0__id`) are looked up too; what is not there is left out.
    """
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, (), f"{prefix}{name}__")
        else:
            flat[prefix + name] = plain(value)
    for name in names:
        if name not in flat and _ELEMENT.search(name) and (found := plain(_at(record, name))) is not None:
            flat[name] = found
    return flat


def elements(record: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the names of what stands in the first element of each list of objects."""
    for name, value in record.items():
        if isinstance(value, dict) and depth < _MAX_DEPTH:
            yield from elements(value, f"{prefix}{name}__", depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], dict) and "__" not in name:
            yield from (f"{prefix}{name}__0__{inner}" for inner in flatten(value[0]))


def plain(value: Any) -> str | None:
    """Return a value as text; nothing for an empty one."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=as_json)
    return str(value)


def as_json(value: Any) -> float | str:
    """Return what JSON has no type for, as `json.dumps` asks for it."""
    return float(value) if isinstance(value, Decimal) and value.is_finite() else str(value)


def _at(record: Any, name: str) -> Any:
    found = record
    for step in name.split("__"):
        if isinstance(found, list):
            found = found[int(step)] if step.isdecimal() and int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found
