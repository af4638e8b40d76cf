"""What the planted causes look like in the departments' data, and that nobody could foresee too much of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forewarn.demo.generate import History
from forewarn.demo.hazards import CAUSES, UNSEEN
from forewarn.demo.names import RIVALS
from forewarn.demo.oracle import Foresight, foresee
from forewarn.demo.rows import known_before
from forewarn.demo.wms import out_of_stock
from forewarn.demo.world import NEVER, World

pytestmark = pytest.mark.capability("B15")
BEFORE = 60
START = pd.Timestamp("2024-07-01")


@pytest.fixture(scope="module")
def truth(history: History) -> pd.DataFrame:
    frame = history.customers.to_pandas()
    frame["churned_on"] = pd.to_datetime(frame.churned_on)
    frame["joined_on"] = pd.to_datetime(frame.joined_on)
    return frame


def _orders(history: History) -> pd.DataFrame:
    table = history.tables["erp.orders"]
    return _of_one(_frame(table.filter(pa.compute.equal(table["status"], "open"))), history)


def _of_one(frame: pd.DataFrame, history: History) -> pd.DataFrame:
    """Rows under the customer's first number, also those that were booked on its twin."""
    first = {}
    planted = history.accounts.to_pandas()
    for own, source in (("customer_no", "erp"), ("account_no", "crm")):
        twins = planted[planted.twin & (planted.source == source)].merge(
            history.customers.to_pandas()[["customer", own]], on="customer"
        )
        first |= dict(zip(twins.account_id, twins[own], strict=True))
    return frame.assign(
        **{name: frame[name].map(first).fillna(frame[name]) for name in ("customer_no", "account_no") if name in frame}
    )


def _frame(table: pa.Table) -> pd.DataFrame:
    frame = table.to_pandas()
    for name in frame.select_dtypes("datetimetz"):
        frame[name] = frame[name].dt.tz_localize(None)
    return frame


def _before_and_earlier(
    frame: pd.DataFrame, truth: pd.DataFrame, cause: str, *, key: str, day: str, own: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of those who left for a cause: of the last days before, and of the half-year that ended half a year before.

    Only those count who had been customers for a year by then, all of it within the history.
    """
    since = truth.joined_on.clip(lower=START)
    lost = truth[(truth.cause == cause) & (truth.churned_on - since > pd.Timedelta(days=360))]
    joined = frame.merge(lost[[own, "churned_on"]], left_on=key, right_on=own)
    ago = (joined.churned_on - joined[day]).dt.days
    return joined[(ago >= 0) & (ago < BEFORE)], joined[(ago >= 180) & (ago < 360)]


def test_every_cause_occurs_and_a_third_shows_nothing(truth: pd.DataFrame, world: World) -> None:
    within = truth[truth.churned_on < pd.Timestamp(world.history_end)]
    shares = within.cause.value_counts(normalize=True)
    assert set(shares.index) == {*CAUSES, UNSEEN}
    assert shares[list(CAUSES)].min() > 0.06
    assert 0.22 < shares[UNSEEN] < 0.42
    yearly = len(within) / len(truth) / 2
    assert 0.10 < yearly < 0.20


def test_usage_is_a_cause_for_subscribers_only(truth: pd.DataFrame) -> None:
    assert truth[truth.cause == "usage"].subscriber.all()


def test_complaints_rise_before_service_trouble_loses_a_customer(history: History, truth: pd.DataFrame) -> None:
    tickets = _frame(history.tables["help_desk.tickets"]).drop_duplicates("id")
    tickets = tickets[tickets.type == "complaint"]
    truth = truth.assign(organisation=truth.customer.map("org-{:06d}".format))
    last, earlier = _before_and_earlier(
        tickets, truth, "service", key="organisation_id", day="created_at", own="organisation"
    )
    assert len(last) / BEFORE > 6 * len(earlier) / 180


def test_tickets_stay_unsolved_in_service_trouble(history: History, truth: pd.DataFrame) -> None:
    tickets = _frame(history.tables["help_desk.tickets"]).sort_values("updated_at").drop_duplicates("id", keep="last")
    tickets["days"] = (tickets.solved_at - tickets.created_at).dt.days
    truth = truth.assign(organisation=truth.customer.map("org-{:06d}".format))
    last, _ = _before_and_earlier(
        tickets, truth, "service", key="organisation_id", day="created_at", own="organisation"
    )
    assert last.days.mean() > 3 * tickets.days.median()
    assert last.satisfaction.mean() < tickets.satisfaction.mean() - 0.8


def test_the_share_of_discount_rises_before_price_loses_a_customer(history: History, truth: pd.DataFrame) -> None:
    last, earlier = _before_and_earlier(
        _orders(history), truth, "price", key="customer_no", day="placed_at", own="customer_no"
    )
    shares = [part.discount_amount.sum() / (part.discount_amount + part.net_amount).sum() for part in (last, earlier)]
    assert shares[0] > shares[1] + 0.04


def test_requests_for_discount_rise_before_price_loses_a_customer(history: History, truth: pd.DataFrame) -> None:
    requests = _of_one(_frame(history.tables["crm.interactions"]), history)
    requests = requests[requests.topic == "discount request"]
    last, earlier = _before_and_earlier(requests, truth, "price", key="account_no", day="happened_at", own="account_no")
    assert len(last) / BEFORE > 4 * len(earlier) / 180


def test_service_trouble_shows_in_late_shipments_reviews_and_recommendations(
    history: History, truth: pd.DataFrame
) -> None:
    shipments = _frame(history.tables["wms.shipments"]).dropna(subset="delivered_at")
    shipments["late"] = shipments.delivered_at.dt.normalize() > pd.to_datetime(shipments.promised_on)
    last, earlier = _before_and_earlier(
        shipments, truth, "service", key="customer_no", day="shipped_at", own="customer_no"
    )
    assert last.late.mean() > earlier.late.mean() + 0.1
    reviews = _frame(history.tables["voice.reviews"])
    last, earlier = _before_and_earlier(reviews, truth, "service", key="account_no", day="posted_at", own="account_no")
    assert (last.stars <= 2).sum() / BEFORE > 4 * (earlier.stars <= 2).sum() / 180
    answers = _frame(history.tables["voice.survey_answers"])
    last, earlier = _before_and_earlier(
        answers, truth, "service", key="account_no", day="answered_at", own="account_no"
    )
    assert last.score.mean() < earlier.score.mean() - 1


def test_competitors_are_named_before_price_loses_a_customer(history: History, truth: pd.DataFrame) -> None:
    posts = _frame(history.tables["voice.mentions"])
    posts = posts[posts.text.str.contains("|".join(RIVALS))]
    assert {"en", "zh"} == set(posts.language)
    last, earlier = _before_and_earlier(posts, truth, "price", key="account_no", day="posted_at", own="account_no")
    assert len(last) / BEFORE > 4 * max(len(earlier), 1) / 180


def test_the_owner_of_an_account_is_the_one_of_its_open_assignment(history: History) -> None:
    accounts, owners = (
        _frame(known_before(history.tables[f"crm.{name}"], np.datetime64("2026-07-01", "s")))
        for name in ("accounts", "account_owners")
    )
    now = owners[owners.until_at.isna()].merge(accounts, on="account_no", how="outer")
    assert (now.employee_no == now.owner_no).all()
    ended = owners.dropna(subset="until_at")
    assert len(ended) > 20
    assert (ended.until_at > ended.from_at).all()


def test_an_article_is_on_backorder_only_while_there_is_none(world: World, history: History) -> None:
    backorders = _frame(history.tables["wms.backorders"]).drop_duplicates("backorder_no")
    article = backorders.article_no.str[1:].astype(int).to_numpy()
    day = (backorders.opened_at - pd.Timestamp(world.first_day)).dt.days.to_numpy()
    assert len(backorders) > 500
    assert out_of_stock(world)[article, day].all()


def test_usage_fades_before_it_loses_a_subscriber(history: History, truth: pd.DataFrame) -> None:
    usage = _frame(history.tables["usage.usage"])
    first = usage.groupby("tenant").day.min().rename("first_used").reset_index()
    early = truth.merge(first, left_on="account_no", right_on="tenant")
    early = early[early.churned_on - early.first_used > pd.Timedelta(days=330)]
    last, earlier = _before_and_earlier(usage, early, "usage", key="tenant", day="day", own="account_no")
    assert last.active_users.sum() / BEFORE < 0.6 * earlier.active_users.sum() / 180


def test_payments_come_later_before_payment_trouble_loses_a_customer(history: History, truth: pd.DataFrame) -> None:
    invoices, payments = (_frame(history.tables[f"finance.{name}"]) for name in ("invoices", "payments"))
    paid = invoices.merge(payments[["invoice_no", "paid_on"]], on="invoice_no", how="left")
    paid["due_on"] = pd.to_datetime(paid.due_on)
    paid["delay"] = (pd.to_datetime(paid.paid_on) - paid.due_on).dt.days
    last, earlier = _before_and_earlier(paid, truth, "payment", key="customer_no", day="due_on", own="customer_no")
    assert last.delay.mean() > earlier.delay.mean() + 10
    assert last.paid_on.isna().mean() > 0.2
    assert earlier.paid_on.isna().mean() < 0.05


def test_orders_thin_out_before_drift_loses_a_customer(history: History, truth: pd.DataFrame) -> None:
    last, earlier = _before_and_earlier(
        _orders(history), truth, "drift", key="customer_no", day="placed_at", own="customer_no"
    )
    assert len(last) / BEFORE < 0.75 * len(earlier) / 180
    assert last.net_amount.mean() < 0.85 * earlier.net_amount.mean()


def test_who_has_left_buys_nothing_more_and_ends_the_subscription(
    history: History, truth: pd.DataFrame, world: World
) -> None:
    lost = truth.dropna(subset="churned_on")
    orders = _orders(history).merge(lost[["customer_no", "churned_on"]], on="customer_no")
    assert (orders.placed_at < orders.churned_on).all()
    usage = _frame(history.tables["usage.usage"]).merge(
        lost[["account_no", "churned_on"]], left_on="tenant", right_on="account_no"
    )
    assert (usage.day < usage.churned_on + pd.Timedelta(days=15)).all()
    newest = _frame(known_before(history.tables["finance.subscriptions"], NEVER)).merge(
        truth[["customer_no", "churned_on"]], on="customer_no"
    )
    ended = newest.ended_on.notna()
    assert (ended == newest.churned_on.notna()).all()
    assert 0.02 < newest[ended].notice_on.isna().mean() < 0.5
    lag = (pd.to_datetime(newest[ended].ended_on) - newest[ended].churned_on).dt.days
    assert lag.between(0, 76).all()


@pytest.mark.capability("B13")
def test_rhythms_reach_from_weekly_to_yearly(truth: pd.DataFrame) -> None:
    assert (truth.gap_days < 10).mean() > 0.15
    assert 0.01 < (truth.gap_days > 200).mean() < 0.10
    assert truth.regularity.between(1.2, 5.0).all()


@pytest.fixture(scope="module")
def foresights(history: History, world: World) -> list[Foresight]:
    orders = _orders(history)
    buyer = orders.customer_no.astype(int).to_numpy() - 100_000
    bought = orders.placed_at.to_numpy().astype("datetime64[s]")
    end = np.datetime64(world.history_end, "s")
    return [
        foresee(history.customers, history.hazards, buyer=buyer, bought=bought, as_of=end - np.timedelta64(days, "D"))
        for days in range(60, 420, 60)
    ]


def test_the_rate_of_silence_is_realistic(foresights: list[Foresight]) -> None:
    rates = [foresight.silent.mean() for foresight in foresights]
    assert 0.08 < np.mean(rates) < 0.115
    assert max(rates) < 0.13
    # Some of the silent are only slow: they will be back.
    silent = np.concatenate([foresight.silent for foresight in foresights])
    gone = np.concatenate([foresight.gone for foresight in foresights])
    assert 0.25 < gone[silent].mean() < 0.6


def test_an_observer_of_the_hazards_foresees_much_and_not_all(foresights: list[Foresight]) -> None:
    from sklearn.metrics import roc_auc_score

    silent = np.concatenate([foresight.silent for foresight in foresights])
    probability = np.concatenate([foresight.probability for foresight in foresights])
    assert 0.85 < roc_auc_score(silent, probability) < 0.945
    assert probability.mean() == pytest.approx(silent.mean(), abs=0.012)
    top = np.argsort(-probability)[: len(probability) // 10]
    assert 5 < silent[top].mean() / silent.mean() < 7.5
