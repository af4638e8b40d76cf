"""Which probable links hold: the surest first, and none that would glue together what is known to be apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Two accounts, by number, and how probable it is that they are one customer."""

    lower: int
    higher: int
    probability: float


CERTAIN, LINKED, POSSIBLE, REFUSED = "certain", "linked", "possible", "refused"
Verdict = tuple[str, str]


def resolve(
    pairs: Sequence[Pair],
    certain: Iterable[Sequence[int]],
    *,
    tax_ids: Mapping[int, str],
    apart: Collection[int],
    threshold: float,
    most: int,
) -> list[Verdict]:
    """Return for each pair whether it holds (`certain`, `linked`, `possible`, `refused`) and why not.

    The pairs are taken from the surest on. One holds when it reaches the threshold and the customers that it would make
    one do not contradict each other: a customer with one tax id never becomes that with another, however many weak
    links lead from one to the other.

    Parameters
    ----------
    certain : iterable of sequences of int
        Accounts that deterministic evidence makes one customer.
    tax_ids : mapping
        The valid tax id of accounts that have one.
    apart : collection of int
        Accounts that a person has set apart: no probable link holds for them.
    most : int
        A customer with more accounts than this grows by no probable link: what so many share is no evidence.
    """
    forest = _Forest(tax_ids)
    for group in certain:
        for other in group[1:]:
            forest.unite(group[0], other)
    # What is one customer anyway needs no link.
    verdicts: dict[Pair, Verdict] = {
        pair: (CERTAIN, "") for pair in pairs if forest.root(pair.lower) == forest.root(pair.higher)
    }
    open_ = [pair for pair in pairs if pair not in verdicts]
    for pair in sorted(open_, key=lambda one: (-one.probability, one.lower, one.higher)):
        one, other = forest.root(pair.lower), forest.root(pair.higher)
        taxes, others = forest.taxes(one), forest.taxes(other)
        if pair.probability < threshold:
            verdicts[pair] = POSSIBLE, f"below {threshold:g}"
        elif pair.lower in apart or pair.higher in apart:
            verdicts[pair] = REFUSED, "a person has set one of them apart"
        elif one == other:
            verdicts[pair] = LINKED, ""
        elif taxes and others and not taxes & others:
            verdicts[pair] = REFUSED, "their customers have different tax ids"
        elif forest.size(one) + forest.size(other) > most:
            verdicts[pair] = REFUSED, f"would make a customer of more than {most} accounts"
        else:
            forest.unite(one, other)
            verdicts[pair] = LINKED, ""
    return [verdicts[pair] for pair in pairs]


class _Forest:
    """Customers as trees of accounts, each root with the tax ids and the number of its accounts."""

    def __init__(self, tax_ids: Mapping[int, str]) -> None:
        self._parent: dict[int, int] = {}
        self._taxes: dict[int, set[str]] = {number: {tax} for number, tax in tax_ids.items()}
        self._size: dict[int, int] = {}

    def root(self, number: int) -> int:
        parent = self._parent
        while (above := parent.get(number, number)) != number:
            parent[number] = parent.get(above, above)
            number = above
        return number

    def taxes(self, root: int) -> set[str]:
        return self._taxes.get(root, set())

    def size(self, root: int) -> int:
        return self._size.get(root, 1)

    def unite(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one == other:
            return
        if self.size(one) < self.size(other):
            one, other = other, one
        self._parent[other] = one
        self._size[one] = self.size(one) + self.size(other)
        if taxes := self._taxes.pop(other, None):
            self._taxes[one] = self.taxes(one) | taxes
