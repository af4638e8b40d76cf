"""Texts from anywhere made safe for one line: no control characters, no hidden direction marks, no overlength."""

import re
import unicodedata

# Embeddings, overrides and isolates change the order of what stands around them: a name could forge the subject.
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
_JOINER = "\u200d"


def one_line(text: str, longest: int = 200) -> str:
    """Return a text on one line, cut between characters that belong together, with an ellipsis where it was cut."""
    cleaned = _DIRECTIONS.sub("", text)
    cleaned = "".join(" " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char for char in cleaned)
    cleaned = " ".join(cleaned.split())
    if len(cleaned) <= longest:
        return cleaned
    cut = longest - 1
    while cut > 0 and (_continues(cleaned[cut]) or cleaned[cut - 1] == _JOINER):
        cut -= 1
    return cleaned[:cut].rstrip() + "…"


def slug(text: str, longest: int = 40) -> str:
    """Return a text as part of a file name: letters and digits of any script, joined by hyphens."""
    normal = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[^\w]+|_+", "-", normal).strip("-")[:longest].strip("-") or "customer"


def _continues(char: str) -> bool:
    """Tell whether a character belongs to the one before it: an accent, a joiner, a skin tone, a variant."""
    return (
        unicodedata.combining(char) > 0 or char in {_JOINER, "\ufe0e", "\ufe0f"} or "\U0001f3fb" <= char <= "\U0001f3ff"
    )
