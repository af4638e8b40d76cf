"""Which links hold: never against what is certain, whatever leads from one customer to the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.identity.resolve import CERTAIN, LINKED, POSSIBLE, REFUSED, Pair, Verdict, resolve

A, B, C, D = range(4)


def states(pairs: list[Pair], **given_: object) -> list[str]:
    return [state for state, _ in verdicts(pairs, **given_)]


def verdicts(pairs: list[Pair], **given_: object) -> list[Verdict]:
    told: dict[str, object] = {"certain": [], "tax_ids": {}, "apart": set(), "threshold": 0.95, "most": 20}
    return resolve(pairs, **(told | given_))  # type: ignore[arg-type]


def test_a_pair_holds_from_the_threshold_on() -> None:
    assert states([Pair(A, B, 0.95), Pair(C, D, 0.949999)]) == [LINKED, POSSIBLE]


def test_what_is_certain_needs_no_link() -> None:
    assert states([Pair(A, B, 0.6)], certain=[[A, B]]) == [CERTAIN]


def test_two_customers_with_other_tax_ids_stay_two() -> None:
    (verdict,) = verdicts([Pair(A, B, 1.0)], tax_ids={A: "111222333", B: "444555666"})
    assert verdict == (REFUSED, "their customers have different tax ids")


def test_a_chain_does_not_glue_what_its_ends_contradict() -> None:
    chain = [Pair(A, B, 0.99), Pair(B, C, 0.97), Pair(C, D, 0.98)]
    taxes = {A: "111222333", D: "444555666"}
    assert states(chain, tax_ids=taxes) == [LINKED, REFUSED, LINKED], "it breaks at its weakest link"


def test_a_tax_id_speaks_for_its_whole_customer() -> None:
    taxes = {B: "111222333", D: "444555666"}
    assert states([Pair(A, C, 0.999)], certain=[[A, B], [C, D]], tax_ids=taxes) == [REFUSED]
    assert states([Pair(A, C, 0.999)], certain=[[A, B], [C, D]], tax_ids={B: "1" * 5 + "2", D: "1" * 5 + "2"}) == [
        LINKED
    ]


def test_who_was_set_apart_is_joined_by_nothing_probable() -> None:
    assert verdicts([Pair(A, B, 1.0)], apart={B}) == [(REFUSED, "a person has set one of them apart")]


def test_no_customer_grows_beyond_the_limit() -> None:
    assert states([Pair(A, B, 0.99), Pair(B, C, 0.98)], most=2) == [LINKED, REFUSED]


PAIRS = st.lists(
    st.builds(
        lambda ends, probability: Pair(min(ends), max(ends), probability),
        st.lists(st.integers(0, 12), min_size=2, max_size=2, unique=True),
        st.sampled_from([0.5, 0.96, 0.97, 0.98, 0.99]),
    ),
    max_size=40,
    unique_by=lambda pair: (pair.lower, pair.higher),
)


@given(PAIRS, st.dictionaries(st.integers(0, 12), st.sampled_from(["111222333", "444555666", "777888999"])))
def test_no_customer_ever_has_two_tax_ids_by_probability(pairs: list[Pair], tax_ids: dict[int, str]) -> None:
    held = [pair for pair, state in zip(pairs, states(pairs, tax_ids=tax_ids), strict=True) if state == LINKED]
    customer = {number: number for number in range(13)}
    for pair in held:
        old, new = customer[pair.higher], customer[pair.lower]
        customer = {number: new if of == old else of for number, of in customer.items()}
    for one in set(customer.values()):
        assert len({tax_ids[number] for number, of in customer.items() if of == one and number in tax_ids}) <= 1


@given(PAIRS, st.randoms())
def test_the_order_of_the_pairs_changes_nothing(pairs: list[Pair], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    taxes = {1: "111222333", 5: "444555666"}
    assert dict(zip(pairs, verdicts(pairs, tax_ids=taxes), strict=True)) == dict(
        zip(shuffled, verdicts(shuffled, tax_ids=taxes), strict=True)
    )


def test_nothing_to_resolve() -> None:
    assert verdicts([]) == []


@pytest.mark.parametrize("most", [2, 3])
def test_a_certain_customer_may_be_larger_than_the_limit(most: int) -> None:
    assert states([Pair(A, B, 0.99), Pair(A, D, 0.99)], certain=[[A, B, C]], most=most) == [CERTAIN, REFUSED]
