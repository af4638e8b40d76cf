"""`words.yml`: the competitors, and the words by which a text is of a topic."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from forewarn.config.yaml import Document

STANDARD = Path(__file__).with_suffix(".yml")
Topic = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]


class Words(BaseModel):
    """The whole of `words.yml`.

    Attributes
    ----------
    competitors
        For each competitor further spellings of its name: short forms, other scripts. The name itself counts too.
    topics
        For each topic its words, in any language. A `*` at the end stands for any ending. `discount` is the topic of
        those who ask for a lower price; features count it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    competitors: dict[str, list[str]] = {}
    topics: dict[Topic, list[str]] = {}

    def spellings(self) -> dict[str, list[str]]:
        """Return all spellings of each competitor, its name among them."""
        return {name: [name, *others] for name, others in self.competitors.items()}

    def variable(self) -> dict[str, bool]:
        """Return what the models need to know: what can be found in a text at all."""
        return {"competitors": bool(self.competitors), "discount": "discount" in self.topics}


def load_words(file: Path) -> Words:
    """Read a `words.yml`; without `topics` the standard ones hold.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    document = Document(file)
    words = document.read(Words)
    if "topics" not in words.model_fields_set:
        words = words.model_copy(update={"topics": Document(STANDARD).read(Words).topics})
    _check(document, "competitors", words.spellings(), words.competitors)
    _check(document, "topics", words.topics, words.topics)
    taken: dict[str, str] = {}
    for name, spellings in words.spellings().items():
        for spelling in spellings:
            other = taken.setdefault(folded(spelling), name)
            if other != name:
                raise document.error(
                    ["competitors", name], f"`{spelling}` stands for `{other}` too", "one spelling, one competitor"
                )
    return words


def folded(text: str) -> str:
    """Return a text as it is compared: full-width forms as plain ones, small letters, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _check(
    document: Document, key: str, groups: Mapping[str, Sequence[str]], written: Mapping[str, Sequence[str]]
) -> None:
    for name, words in groups.items():
        if not words:
            raise document.error([key, name], f"`{name}` has no words", "list the words that tell of it")
        for word in words:
            bare = folded(word).removesuffix("*")
            path: list[str | int] = [key, name]
            if word in written[name]:
                path.append(written[name].index(word))
            if "*" in bare:
                raise document.error(path, f"`*` inside of `{word}`", "it may stand at the end only")
            if len(bare) < 2 or not any(character.isalnum() for character in bare):
                raise document.error(path, f"`{word}` is too short", "two characters or more; one is found everywhere")
