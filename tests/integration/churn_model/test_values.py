"""What is at stake with a customer comes from the warehouse, and moves the threshold."""

from __future__ import annotations

from planted_base import AS_OF, Base

import churn_model
from churn_model.snapshots import read_snapshots
from forewarn.config.model import Model


def test_the_lifetime_value_of_the_date_is_at_stake_and_costs_decide(settings, project, warehouse):
    base = Base(warehouse)
    base.write(snapshots=4)
    snapshots = read_snapshots(warehouse, project.churn, as_of_date=AS_OF)
    assert (snapshots.values != snapshots.values).all(), "without the mart nothing is known"
    warehouse.cursor().execute(
        "create table marts.customer_value as select customer_id, as_of_date, 100.0 as clv from marts.churn_features"
        " where customer_id <> 'c00000'"
    )
    snapshots = read_snapshots(warehouse, project.churn, as_of_date=AS_OF)
    assert (snapshots.values == 100).sum() == len(snapshots.values) - len(snapshots.dates)

    def judged(**costs):
        asked = project.model_copy(update={"model": Model(candidates=["rule", "logistic"], **costs)})
        return churn_model.evaluate(settings, asked, as_of_date=AS_OF)

    free, dear = judged(), judged(contact_cost=15)
    assert "alert_share" in free.threshold("logistic").reason
    assert "model.contact_cost" in dear.threshold("logistic").reason
    assert dear.threshold("logistic").probability > free.threshold("logistic").probability
    costs = [one.cost for one in dear.outcomes("logistic")]
    left = [100 * cutoff.churned.mean() for cutoff in dear.cutoffs]
    assert all(cost is not None and cost <= nobody + 1 for cost, nobody in zip(costs, left, strict=True))
