"""What the names of tables and columns say, by the usual words of several languages; the words are `words.yml`."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

MONEY_PARTS = ("cents", "cent", "pence", "minor", "centimes")
# From here on a name is one of those that people use, and not just one that ends like it.
SURE = 40
# However long a list of words is, those on it are surer than what only ends like one.
_LISTED = 45
# Targets whose columns are often told by the last word alone: billing_city, mailing_zip.
_PLACES = ("city", "country", "postcode")
# What somebody has an address for.
_PLACED = frozenset({"bill", "billing", "ship", "shipping", "delivery", "customer", "home", "mailing", "store", "to"})
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe"})


@lru_cache(maxsize=1)
def words() -> dict[str, Any]:
    """Return `words.yml`."""
    found: dict[str, Any] = YAML(typ="safe").load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=10_000)
def folded(name: str) -> str:
    """Return a name without capitals, accents and signs."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return "".join(character for character in plain if character.isalnum())


def parts(name: str) -> list[str]:
    """Return the words of a name, folded, each also without the ending of a plural."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [folded(part) for part in re.split(r"[^\w]+|_", spaced) if folded(part)]


def spellings(column: str, shared: str = "") -> frozenset[str]:
    """Return how a column's name may be read, folded.

    As it stands; without what all names of the table share; the innermost of nested names; short words written out; and
    without the unit at its end.
    """
    return _spellings(column, shared)


@lru_cache(maxsize=10_000)
def _spellings(column: str, shared: str) -> frozenset[str]:
    found = set()
    # OData has the number of another record as _account_value.
    looked_up = column[1:-6] if column.startswith("_") and column.endswith("_value") else column
    for name in {column, column.removeprefix(shared), column.rpartition("__")[2], looked_up}:
        said = parts(name)
        long = [words()["short"].get(part, part) for part in said]
        found |= {folded(name), "".join(long)}
        if len(said) == 1:
            found.add("".join(apart(said[0])))
        if len(long) > 1 and long[-1] in words()["units"]:
            found.add("".join(long[:-1]))
    return frozenset(found - {""})


@lru_cache(maxsize=10_000)
def apart(name: str) -> list[str]:
    """Return the words of a name in which short ones stand together, written out: `orddt` is order, date.

    A name that is not made of short words from end to end, or of one word alone, is one word.
    """
    # How few words lead up to each place, and which; the name itself is one that stands apart.
    best: dict[int, list[str]] = {0: []}
    for end in range(1, len(name) + 1):
        for start in range(max(0, end - 10), end):
            long = words()["short"].get(name[start:end]) or (name[start:end] in words()["joined"] and name[start:end])
            if long and start in best and (end not in best or len(best[start]) + 1 < len(best[end])):
                best[end] = [*best[start], long]
    found = best.get(len(name), [])
    return found if len(found) > 1 and "".join(found) != name else [name]


def bare(name: str) -> str:
    """Return a table's name without the schema before it: `Customer` of `Sales.Customer`."""
    return name.rpartition(".")[2]


def singular(word: str) -> str:
    """Return an English word without its plural's ending."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _is_plural(text: str, word: str) -> bool:
    """Whether a text is a word with an ending, as plurals have one in most languages: bestellungen, pedidos."""
    return len(word) >= 5 and text.startswith(word) and len(text) - len(word) <= 2


def prefix(names: list[str]) -> str:
    """Return what all of a table's column names begin with, such as `cst_`; empty when it is not a prefix."""
    first = names[0].partition("_")[0] + "_" if names else ""
    return first if len(names) > 1 and len(first) > 1 and all(name.startswith(first) for name in names) else ""


def begin_alike(tables: list[str]) -> int:
    """Return with how many words the names of all tables begin: three or more, each of which has another."""
    said = [parts(name.rpartition(".")[2]) for name in tables]
    alike = 0
    while len(said) > 2 and all(len(one) > alike + 1 and one[alike] == said[0][alike] for one in said):
        alike += 1
    # Without it nothing would say what one of them holds: ticket_master beside ticket_events.
    says_nothing = any({singular(part) for part in one[alike:]} <= {*words()["beside"]} for one in said)
    return 0 if says_nothing else alike


def told(name: str) -> list[str]:
    """Return the words of a table's name, written out, without those for what holds the rows: `dim`, `master`."""
    tokens = parts(name)
    said = [words()["short"].get(token, token) for token in (apart(tokens[0]) if len(tokens) == 1 else tokens)]
    return [token for token in map(_without_ending, said) if singular(token) not in words()["beside"]] or said


def entity_of(name: str) -> list[tuple[str, int]]:
    """Return the entities that a table's name speaks of, with how strongly, strongest first."""
    said = told(bare(name)) or told(name)
    if len(said) > 1 and not {said[-1], singular(said[-1])}.isdisjoint(words()["kinds"]):
        # A table of kinds of something holds none of it: product_category, order_status.
        return []
    scores: dict[str, int] = {}
    # What looks like a plural may be none: sales, trans.
    for tokens in ([singular(token) for token in said], said):
        whole = "".join(tokens)
        joined = {"".join(tokens[start:end]) for start in range(len(tokens)) for end in range(start + 1, len(said) + 1)}
        for entity, known in words()["entities"].items():
            for text in joined:
                if any(text == word or _is_plural(text, word) for word in known):
                    # A longer word says more, and the last one of a name is its noun.
                    strength = 2 + whole.endswith(text) + 2 * (text == whole)
                    scores[entity] = max(scores.get(entity, 0), strength + (len(text) > 8))
            if any(not word.isascii() and word in whole for word in known):
                scores[entity] = max(scores.get(entity, 0), 3)
    return sorted(scores.items(), key=lambda found: -found[1])


def _without_ending(token: str) -> str:
    """Return a word without one for a list that is written to it: `artikel` of `artikelstamm`."""
    ending = next((word for word in words()["endings"] if token.endswith(word)), "")
    return token.removesuffix(ending) if len(token) - len(ending) >= 4 else token


def is_number_of(column: str, entity: str, shared: str = "") -> int:
    """Return how surely a column is the number of an entity: 0 for not at all, 3 for `customer_id`."""
    numbers = words()["numbers"]
    texts = spellings(column, shared)
    best = 0
    for word in words()["entities"].get(entity, ()):
        for text in texts:
            if text == word:
                best = max(best, 2 if len(word) > 2 else 1)
            elif any(text in (f"{word}{number}", f"{word}s{number}", f"{number}{word}") for number in numbers):
                best = 3
            elif any(text.endswith(f"{word}{number}") for number in numbers) and len(word) > 2:
                best = max(best, 2)
    also = words()["also"].get(entity, ())
    if best < 2 and not texts.isdisjoint({*also, *(f"{word}{number}" for word in also for number in numbers)}):
        best = 2
    return best


def is_number(column: str, shared: str = "") -> bool:
    """Whether a column is a number of its own table: `id`, `nr`."""
    return not spellings(column, shared).isdisjoint(words()["numbers"])


def means(column: str, entity: str, target: str, shared: str = "") -> int:
    """Return how surely a column is a column of an entity: the earlier the word stands in its list, the surer."""
    listed = words()["columns"]
    known = listed.get(f"{entity}.{target}") or listed.get(target)
    if not known:
        return 2 if folded(column) == folded(target) else 0
    own = words()["entities"].get(entity, [])
    candidates = set(spellings(column, shared))
    if (words_of := parts(column)) and words_of[-1] in MONEY_PARTS:
        candidates |= {text.removesuffix(words_of[-1]) for text in list(candidates)}
    candidates |= {
        text.removeprefix(word) for text in list(candidates) for word in own if text.startswith(word) and text != word
    }
    for text in list(candidates):
        # Created On is Created At, Resolved Time is Resolved, and telephone1 the first of two.
        candidates |= {f"{text[:-2]}at"} if text.endswith("on") else set()
        candidates |= {text[:-4]} if text.endswith(("time", "date")) and len(text) > 8 else set()
        candidates |= {text.rstrip("0123456789")} - {""}
    best = 0
    for text in candidates:
        if text == folded(target):
            best = max(best, 100)
        elif text in known:
            best = max(best, 90 - known.index(text) * _LISTED // max(len(known), _LISTED))
    if not best:
        endings = [word for word in known if len(word) > 4 and any(text.endswith(word) for text in candidates)]
        endings += [word for word in known if target in _PLACES and words_of[-1:] == [word]]
        best = max((30 - known.index(word) // 2 for word in endings), default=0)
    return best


def tell_states(values: frozenset[str]) -> bool:
    """Whether values are words for how far a record is, such as open or posted, and no regions."""
    said = words()["states"].values()
    known = {*words()["never"], *words()["cancelled"], *words()["over"], *(word for group in said for word in group)}
    return bool(values) and not {folded(value) for value in values}.isdisjoint(known)


def is_one_of(column: str, group: str, shared: str = "", of: str = "") -> bool:
    """Whether a column's name is one of a group of words, such as `changed`; a word `of` an entity may stand before."""
    found = spellings(column, shared)
    if of:
        own = words()["entities"].get(of, ())
        found |= {text.removeprefix(word) for text in found for word in own if text.startswith(word)}
    return bool(found & set(words()[group]))


def is_whole(column: str) -> bool:
    """Whether a price is called that of a whole line: extendedprice, Gesamtpreis."""
    return any(text.startswith(tuple(words()["whole"])) for text in [*parts(column), *spellings(column)])


def is_of_an_address(name: str) -> bool:
    """Whether a state is one of a country: billing_state."""
    said = parts(name)
    return len(said) > 1 and said[-1] in ("state", "estado", "stato") and not _PLACED.isdisjoint(said)
