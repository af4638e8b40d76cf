"""Nested JSON as columns: `outer__inner` for an object, `list__0__inner` for a list's first element."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forewarn.sources.model import Each

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


def spread(record: dict[str, Any], each: Each | None) -> Iterator[dict[str, Any]]:
    """Yield the elements of a list in a record, each with the record's other values under the name of what it is.

    Without `each` the record itself.
    """
    if each is None:
        yield record
        return
    found = at(record, each.list)
    around = _without(record, each.list.split("."))
    for element in found if isinstance(found, list) else ():
        if isinstance(element, dict):
            yield {**element, each.of: around}


def at(record: Any, path: str) -> Any:
    """Return what stands at a dotted path; None where there is no such thing."""
    found = record
    for step in path.split(".") if path else ():
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _without(record: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    inner = record.get(path[0])
    rest = {name: value for name, value in record.items() if name != path[0]}
    return rest | {path[0]: _without(inner, path[1:])} if len(path) > 1 and isinstance(inner, dict) else rest


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
