"""The threshold follows costs and capacity, by hand."""

import numpy as np
import pytest

from churn_model.threshold import Judged, choose, outcome
from forewarn.config.model import Model


def _judged(values: float = 100.0) -> Judged:
    """Ten customers; the riskiest, the third and the fifth leave."""
    churned = np.array([1, 0, 1, 0, 1, 0, 0, 0, 0, 0], dtype=np.int8)
    return Judged(churned, np.linspace(0.95, 0.05, 10), np.full(10, values), np.arange(10.0))


def test_without_costs_the_share_of_the_customers_decides():
    found = choose([_judged()], Model(), share=0.2)
    assert (_judged().score >= found.probability).sum() == 2
    assert found.reason == "at most 20% of the customers (churn.alert_share)"


@pytest.mark.capability("C28")
def test_where_a_contact_costs_the_threshold_is_where_contacts_have_paid_best():
    # A contact costs 15 and saves 20% of 100: each leaver gains 5, each stayer loses 15. Only the first pays.
    found = choose([_judged()], Model(contact_cost=15, saved_share=0.2), share=0.9)
    assert found.probability == pytest.approx(0.95)
    assert "model.contact_cost" in found.reason
    # At a cost of 1: 19 a leaver, -1 a stayer: down to the last leaver.
    assert choose([_judged()], Model(contact_cost=1), share=0.9).probability == pytest.approx(0.55)


def test_what_is_at_stake_moves_the_threshold():
    model = Model(contact_cost=15)
    assert choose([_judged(1000)], model, share=0.9).probability < choose([_judged(100)], model, share=0.9).probability


def test_where_no_contact_pays_nobody_is_at_the_threshold():
    found = choose([_judged()], Model(contact_cost=50), share=0.9)
    assert found.probability > 0.95


def test_capacity_bounds_the_contacts_of_a_date():
    found = choose([_judged(), _judged()], Model(contact_cost=1, weekly_capacity=3), share=0.9)
    assert (_judged().score >= found.probability).sum() == 3
    assert found.reason == "at most 3 contacts a week (model.weekly_capacity)"


def test_customers_with_equal_scores_are_never_parted_by_the_capacity():
    tied = Judged(_judged().churned, np.repeat([0.9, 0.4], 5), np.full(10, 100.0), np.zeros(10))
    found = choose([tied], Model(weekly_capacity=7), share=0.9)
    assert (tied.score >= found.probability).sum() == 5


def test_where_nothing_is_known_of_values_costs_cannot_decide():
    unknown = Judged(_judged().churned, _judged().score, np.full(10, np.nan), np.zeros(10))
    assert "alert_share" in choose([unknown], Model(contact_cost=15), share=0.2).reason
    assert outcome(unknown, 0.5, Model(contact_cost=15)).cost is None


def test_the_outcome_of_a_threshold_by_hand():
    # Contacts: five, three of whom leave. Cost: 5 × 10 + 3 × 100 × (1 - 0.2) = 290 over ten customers.
    found = outcome(_judged(), 0.55, Model(contact_cost=10, saved_share=0.2))
    assert (found.contacts, found.precision, found.recall) == (5, 0.6, 1.0)
    assert found.cost == pytest.approx(29.0)
    assert found.lead_days == 2.0


def test_a_threshold_above_all_has_no_precision():
    found = outcome(_judged(), 2.0, Model(contact_cost=10))
    assert (found.contacts, found.precision, found.recall, found.lead_days) == (0, None, 0.0, None)
    assert found.cost == pytest.approx(30.0)
