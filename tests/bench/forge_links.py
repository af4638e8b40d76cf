"""A million forged links: none may be taken for ours (FAULTS 63).

    python tests/bench/forge_links.py [--tokens 1000000] [--seed 1]

Each is a link of ours with one to eight characters changed, dropped, added or moved, or its signature taken
from another link of ours. Prints `forged N accepted N`; ends with 1 where any was accepted.
"""

from __future__ import annotations

import argparse
import random
import string
import sys
from datetime import UTC, datetime, timedelta
from typing import get_args

from forewarn.alerts.answer_links import Link, LinkRefused, Purpose, Signer

ALPHABET = string.ascii_letters + string.digits + "-_."
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIGNER = Signer(["a-key-for-this-run-which-is-long-enough"])


def forged(draw: random.Random, token: str, other: str) -> str:
    """Return the token altered in some way."""
    if draw.random() < 0.1:
        return f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    letters = list(token)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(letters))
        match draw.randrange(4):
            case 0:
                letters[at] = draw.choice(ALPHABET)
            case 1:
                del letters[at]
            case 2:
                letters.insert(at, draw.choice(ALPHABET))
            case _:
                to = draw.randrange(len(letters))
                letters[at], letters[to] = letters[to], letters[at]
    return "".join(letters)


def main() -> int:
    """Forge, count what is accepted, and return 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw, purposes = random.Random(given.seed), get_args(Purpose)
    links = [
        Link(draw.choice(purposes), draw.randrange(1, 10**6), draw.randrange(1, 10**5), NOW + timedelta(days=30))
        for _ in range(1000)
    ]
    tokens = [SIGNER.token(link) for link in links]
    ours, tried, accepted = set(tokens), 0, 0
    while tried < given.tokens:
        place = draw.randrange(len(tokens))
        altered = forged(draw, tokens[place], draw.choice(tokens))
        if altered in ours:
            continue
        tried += 1
        try:
            SIGNER.read(links[place].purpose, altered, now=NOW)
        except LinkRefused:
            continue
        accepted += 1
    print(f"forged {tried:,} accepted {accepted:,}")
    return int(accepted > 0)


if __name__ == "__main__":
    sys.exit(main())
