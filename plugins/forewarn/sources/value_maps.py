"""A value map of a mapping, which is an expression written as a table."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema


def _value_map(value: Any) -> Any:
    """Return a value map as the expression that it stands for; a text is one already.

    `{from: country, map: {DE: Germany, US: United States}}` keeps what the map does not list; `otherwise: null` or
    another expression says what becomes of it.
    """
    if not isinstance(value, dict):
        return value
    if not value.keys() <= {"from", "map", "otherwise"} or not isinstance(value.get("map"), dict) or not value["map"]:
        raise ValueError("expected an expression, or `from`, `map` with at least one value, and perhaps `otherwise`")
    source = str(value.get("from", ""))
    pairs = " ".join(f"when {_quoted(old)} then {_quoted(new)}" for old, new in value["map"].items())
    otherwise = value.get("otherwise", f"cast({source} as text)")
    return f"case cast({source} as text) {pairs} else {'null' if otherwise is None else otherwise} end"


def _quoted(value: Any) -> str:
    if value is None:
        return "null"
    # YAML reads yes, no, on and off as truths only where an old parser is at work; ours gives true and false.
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "'" + text.replace("'", "''") + "'"


_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {
                    "from": {"type": "string"},
                    "map": {"type": "object", "minProperties": 1},
                    "otherwise": {"type": ["string", "null"]},
                },
                "required": ["from", "map"],
                "additionalProperties": False,
            },
        ]
    }
)
ValueMap = Annotated[str, BeforeValidator(_value_map), _SCHEMA]
