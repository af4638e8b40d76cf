"""Which streams are configured and which canonical entities they feed, as far as the gates need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from forewarn.config.project import Project
from forewarn.config.yaml import Document


@dataclass(frozen=True)
class Stream:
    """One configured stream."""

    source: str
    name: str
    key: tuple[str, ...]
    entities: frozenset[str]
    allow_empty: bool = False


class _Stream(BaseModel):
    model_config = ConfigDict(extra="ignore")

    key: list[str] = Field(default_factory=list)
    entities: dict[str, Any] = Field(default_factory=dict)
    allow_empty: bool = False

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class _Source(BaseModel):
    model_config = ConfigDict(extra="ignore")

    streams: dict[str, _Stream] = Field(default_factory=dict)


def configured_streams(project: Project) -> list[Stream]:
    """Return every stream of the project's source files.

    The files are validated by whoever extracts; here only names are read, so that checking needs no extractor.

    Raises
    ------
    ConfigError
        A file is not a source file at all.
    """
    return [
        Stream(file.stem, name, tuple(stream.key), frozenset(stream.entities), stream.allow_empty)
        for file in sorted(project.path(project.sources).glob("*.yml"))
        for name, stream in Document(file).read(_Source).streams.items()
    ]
