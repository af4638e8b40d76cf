"""Finding configured words in a text, in scripts with and without blanks between words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from forewarn.config.words import folded

# Letters and digits of scripts that put blanks between words. Chinese, Japanese and Korean ones stand beside a word
# without touching it: the name in `用Brightline的价格` is a whole word.
_SCRIPT = r"[^\W_\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]"


class Vocabulary:
    """Groups of words, each found by one pattern.

    Parameters
    ----------
    groups : mapping of str to sequence of str
        Words by the name of their group. Case and full-width forms make no difference, a blank stands for blanks or
        hyphens, a `*` at the end for any ending.
    """

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self._patterns = [(name, re.compile("|".join(map(_pattern, words)))) for name, words in groups.items()]

    def find(self, text: str) -> tuple[str, ...]:
        """Return the groups that a text speaks of, in the order of the configuration."""
        plain = folded(text)
        return tuple(name for name, pattern in self._patterns if pattern.search(plain))


def _pattern(word: str) -> str:
    plain = folded(word)
    bare = plain.removesuffix("*")
    inner = r"[\s\-]+".join(re.escape(part) for part in re.split(r"[\s\-]+", bare))
    before = rf"(?<!{_SCRIPT})" if re.match(_SCRIPT, bare[0]) else ""
    after = rf"(?!{_SCRIPT})" if re.match(_SCRIPT, bare[-1]) and bare == plain else ""
    return before + inner + after
