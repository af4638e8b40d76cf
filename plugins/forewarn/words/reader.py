"""Reading one text: its language, how it feels, what it is about, and which competitors it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forewarn.config.words import Words
from forewarn.words.language import language_of
from forewarn.words.sentiment import HEAD, Sentiment, sentiments
from forewarn.words.vocabulary import Vocabulary

_CODE = ("language.py", "vocabulary.py", "sentiment.py", "reader.py")


@dataclass(frozen=True)
class Reading:
    """What one text says.

    Attributes
    ----------
    language : str or None
        `en`, `zh`, or None for any other and where there is no letter.
    sentiment : Sentiment or None
        None where the language is not read: unknown, not neutral.
    topics, competitors : tuple of str
        As configured; words are found in any language.
    """

    language: str | None
    sentiment: Sentiment | None
    topics: tuple[str, ...]
    competitors: tuple[str, ...]


class Reader:
    """Reads texts with one configuration."""

    def __init__(self, words: Words) -> None:
        self._topics, self._competitors = Vocabulary(words.topics), Vocabulary(words.spellings())

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Read texts; one that comes several times is read once."""
        languages = {text: language_of(text) for text in texts}
        known = [text for text, language in languages.items() if language]
        felt = dict(zip(known, sentiments(known), strict=True))
        found = {
            text: Reading(language, felt.get(text), self._topics.find(text), self._competitors.find(text))
            for text, language in languages.items()
        }
        return [found[text] for text in texts]


def fingerprint(words: Words) -> str:
    """Return a digest of all that decides a reading: the configuration, the classifier, the code."""
    digest = hashlib.sha256(json.dumps(words.model_dump(), sort_keys=True).encode())
    for file in (HEAD, *(Path(__file__).with_name(name) for name in _CODE)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
