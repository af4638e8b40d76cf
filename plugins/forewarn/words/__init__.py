"""What customers write, read as it comes: language, sentiment, topics, competitors; no text is copied."""

from forewarn.words.reader import fingerprint
from forewarn.words.store import read_new_texts

__all__ = ["fingerprint", "read_new_texts"]
