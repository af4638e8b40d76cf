"""Which language a text is written in: English, Chinese, or one that is not read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

LANGUAGES = ("en", "zh")
# Languages that customers may write in. Fewer candidates make short texts surer: among 97, `Login fails` is Hausa.
CANDIDATES = (
    *LANGUAGES,
    *("de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sv", "da", "fi", "hu", "ro", "tr", "ru", "uk", "ja", "ko"),
    *("ar", "vi", "id"),
)  # fmt: skip


def language_of(text: str) -> str | None:
    """Return `en` or `zh`; None for any other language and for a text without a letter, which has none."""
    if not any(character.isalpha() for character in text):
        return None
    found = str(_identifier().classify(text)[0])
    return found if found in LANGUAGES else None


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(CANDIDATES))
    return identifier
