from __future__ import annotations

from forewarn.identity import agreement

TRUE = {("crm", "1"): 1, ("erp", "1"): 1, ("crm", "2"): 2, ("erp", "2"): 2, ("crm", "3"): 3}


def test_every_pair_is_right_wrong_or_missed() -> None:
    found = TRUE | {("crm", "2"): 1}
    one = agreement(found, TRUE)
    # Found: three pairs of customer 1; true: one pair each of customers 1 and 2.
    assert (one.right, one.found, one.true) == (1, 3, 2)
    assert (round(one.precision, 4), one.recall) == (0.3333, 0.5)


def test_only_pairs_with_one_of_the_accounts_count() -> None:
    found = TRUE | {("crm", "2"): 1}
    one = agreement(found, TRUE, [("crm", "2")])
    assert (one.right, one.found, one.true) == (0, 2, 1)


def test_nothing_found_is_precise_and_nothing_true_is_complete() -> None:
    alone = {account: number for number, account in enumerate(TRUE)}
    assert (agreement(alone, TRUE).precision, agreement(alone, TRUE).recall) == (1.0, 0.0)
    assert agreement(TRUE, alone).recall == 1.0


def test_accounts_that_only_one_side_knows_are_left_out() -> None:
    assert agreement(TRUE | {("web", "9"): 1}, TRUE) == agreement(TRUE, TRUE)
