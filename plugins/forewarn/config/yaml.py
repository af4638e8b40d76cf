"""YAML files checked against a Pydantic model; an error names file, line, column and the nearest known name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from forewarn.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


class Document:
    """A YAML file with the place of every key. All who read the same text share its content: nobody changes it.

    Raises
    ------
    ConfigError
        The file is missing, or is not YAML with a mapping at its top.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.is_file():
            raise ConfigError(
                file, 1, 1, "no such file", f"create it, or mend the path in {file.parent / 'forewarn.yml'}"
            )
        try:
            self.content = _parsed(file.read_text(encoding="utf-8"))
        except MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise ConfigError(
                file, line, column, f"not YAML: {error.problem}", "check quotes and indentation"
            ) from error
        if not isinstance(self.content, dict):
            raise ConfigError(file, 1, 1, "expected a mapping at the top", "start with `key: value`")

    def place(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Return line and column, counted from 1, of the deepest known part of a path of keys and indexes."""
        node, at = self.content, (1, 1)
        for part in path:
            marks = getattr(node, "lc", None)
            if marks is None:
                break
            if isinstance(node, dict) and node.get("kind") == part:
                # Which of several models it is says the file by `kind`, and an error of that model by one part more.
                continue
            try:
                line, column = marks.key(part) if isinstance(node, dict) else marks.item(part)
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
            at = (line + 1, column + 1)
        return at

    def error(self, path: Sequence[str | int], problem: str, hint: str = "") -> ConfigError:
        """Return the error to raise for the value at a path."""
        line, column = self.place(path)
        return ConfigError(self.file, line, column, problem, hint)

    def read(self, model: type[Model]) -> Model:
        """Return the file as a model; the first error found is raised as a ConfigError at its place."""
        try:
            return model.model_validate(self.content, context={"document": self})
        except ValidationError as error:
            # A misspelt key explains the missing one, so it is told first.
            first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
            path = [part for part in first["loc"] if isinstance(part, str | int)]
            if first["type"] == "extra_forbidden":
                name = str(path[-1])
                raise self.error(path, f"unknown key `{name}`", did_you_mean(name, _keys(model, path))) from error
            if first["type"] == "missing":
                raise self.error(path[:-1], f"`{path[-1]}` is missing", f"add `{path[-1]}: …`") from error
            raise self.error(path, f"{first['msg']}, got {first['input']!r}") from error


@lru_cache(maxsize=512)
def _parsed(text: str) -> Any:
    """Parse a text once: the files of one stage are read by several, and places of keys make parsing slow."""
    return YAML(typ="rt").load(text)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a hint with the nearest known name, or with all of them when none is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(known))}"


def _keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Names that the innermost model on a path declares; generic containers are looked through."""
    for part in path[:-1]:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        nested = [kind for kind in _leaves(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        model = nested[0] if nested else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _leaves(annotation: Any) -> list[Any]:
    arguments = getattr(annotation, "__args__", ())
    return [leaf for argument in arguments for leaf in _leaves(argument)] if arguments else [annotation]
