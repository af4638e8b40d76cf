"""Sentences that a reason may say about one customer, each true for that customer or not said at all.

A template looks at the customer's values, chooses its wording by them, and returns None when it has nothing to say.
Values are compared as they will be printed, so that a sentence never reads "3 orders; usually 3".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple


@dataclass(frozen=True)
class Facts:
    """What is known of one customer on one day.

    Attributes
    ----------
    row : sequence of float
        Feature values; NaN where unknown.
    index : mapping of str to int
        Position of each feature in `row`.
    typical : mapping of str to float
        Median of each feature over the customers that the model learned from.
    currency : str
        The company's currency, for amounts.
    """

    row: Sequence[float]
    index: Mapping[str, int]
    typical: Mapping[str, float]
    currency: str

    def get(self, name: str) -> float | None:
        """Return a value, or None where it is unknown."""
        place = self.index.get(name)
        if place is None:
            return None
        value = self.row[place]
        return None if isnan(value) else value


class Statement(NamedTuple):
    """One sentence with the number it rests on and the number it compares with, in the feature's unit."""

    text: str
    value: float
    baseline: float | None


Template = Callable[[Facts], Statement | None]


def number(value: float) -> str:
    """Print a quantity: whole from ten on, with one decimal below where it has one."""
    rounded = round(value, 1)
    return f"{rounded:,.1f}" if abs(rounded) < 10 and rounded != int(rounded) else f"{value:,.0f}"


def count(value: float, noun: str, plural: str = "") -> str:
    """Print a quantity with its noun: "1 ticket", "2 tickets"."""
    shown = number(value)
    return f"{shown} {noun if shown == '1' else plural or noun + 's'}"


def below_typical(name: str, says: str, typical: str = "the typical customer has {typical}") -> Template:
    """Say that a quantity is lower than the median of the customers that the model learned from."""
    return _against_typical(name, says, typical, lower=True)


def above_typical(name: str, says: str, typical: str = "the typical customer has {typical}") -> Template:
    """Say that a quantity is higher than the median of the customers that the model learned from."""
    return _against_typical(name, says, typical, lower=False)


def _against_typical(name: str, says: str, typical: str, *, lower: bool) -> Template:
    def say(facts: Facts) -> Statement | None:
        value, median = facts.get(name), facts.typical.get(name)
        if value is None or median is None or number(value) == number(median) or (value < median) != lower:
            return None
        shown = {"value": number(value), "typical": number(median), "currency": facts.currency}
        return Statement(f"{says}; {typical}".format(**shown), value, median)

    return say


def some(name: str, noun: str, window: str, plural: str = "") -> Template:
    """Say that something happened at all: "2 returns in 90 days"."""

    def say(facts: Facts) -> Statement | None:
        value = facts.get(name)
        return None if not value else Statement(f"{count(value, noun, plural)} {window}", value, None)

    return say


def first(*templates: Template) -> Template:
    """Return the first of several templates that has something to say."""

    def say(facts: Facts) -> Statement | None:
        for template in templates:
            if statement := template(facts):
                return statement
        return None

    return say


def silence(facts: Facts) -> Statement | None:
    """Compare days without an order with the customer's own gap between orders."""
    days, usual, orders = (facts.get(name) for name in ("days_since_last_order", "order_gap_days", "orders_lifetime"))
    if days is None or round(days) < 1:
        return None
    if usual is not None and round(days) > round(usual) >= 1:
        every = "day" if round(usual) == 1 else f"{usual:.0f}"
        return Statement(f"No order for {count(round(days), 'day')}; usually every {every}", days, usual)
    if orders == 1:
        return Statement(f"Only one order so far, {count(round(days), 'day')} ago", days, None)
    return None


def orders_in(window_days: int) -> Template:
    """Compare the orders of a window with the customer's own year, or with other customers where there is no year."""
    name = f"orders_{window_days}d"
    typical = below_typical(name, f"Orders in {window_days} days: {{value}}", "the typical customer placed {typical}")

    def say(facts: Facts) -> Statement | None:
        value, year, tenure = (facts.get(feature) for feature in (name, "orders_365d", "tenure_days"))
        if value is None:
            return None
        whole_year = tenure is not None and tenure >= 365 and window_days < 365 and year is not None
        usual = year * window_days / 365 if whole_year and year is not None else None
        if value == 0:
            return Statement(f"No order in the last {window_days} days", value, usual)
        if usual is not None and value < 0.8 * usual and number(value) != number(usual):
            text = f"{count(value, 'order')} in {window_days} days; at the pace of the year it would be {number(usual)}"
            return Statement(text, value, usual)
        return typical(facts)

    return say


def orders_fell(facts: Facts) -> Statement | None:
    """Compare the orders of the last 90 days with the 90 days before."""
    now, half = facts.get("orders_90d"), facts.get("orders_180d")
    if now is None or half is None or now >= half - now:
        return None
    before = half - now
    shown = "No order" if now == 0 else count(now, "order")
    return Statement(f"{shown} in 90 days; {number(before)} in the 90 days before", now, before)


def spend_fell(facts: Facts) -> Statement | None:
    """Compare the revenue of the last 90 days with the 90 days before."""
    now, before = facts.get("revenue_90d"), facts.get("revenue_prior_90d")
    if now is None or before is None or before <= 0 or now >= before:
        return None
    if now <= 0:
        return Statement(f"No spend in 90 days; {money(facts, before)} in the 90 days before", now, before)
    percent = round(100 * (1 - now / before))
    return Statement(f"Spend down {percent}% against the 90 days before", now, before) if 5 <= percent < 100 else None


def money(facts: Facts, value: float) -> str:
    """Print an amount in the company's currency."""
    return f"{value:,.0f} {facts.currency}" if abs(value) >= 10 else f"{value:,.2f} {facts.currency}"


def discounts_rose(facts: Facts) -> Statement | None:
    """Compare the share of discounts in the last 90 days with the whole year."""
    now, year = facts.get("discount_share_90d"), facts.get("discount_share_365d")
    if now is None or year is None or round(100 * now) <= round(100 * year):
        return None
    return Statement(f"Discounts are {now:.0%} of spend in 90 days; {year:.0%} over the year", now, year)


def return_share(facts: Facts) -> Statement | None:
    """Say which share of the year's spend came back."""
    share = facts.get("return_share_365d")
    if share is None or round(100 * share) < 1:
        return None
    return Statement(f"Returns are {share:.0%} of spend over 365 days", share, facts.typical.get("return_share_365d"))


def amount(name: str, says: str) -> Template:
    """Say an amount that is not zero: "Goods worth 300 USD returned in 90 days"."""

    def say(facts: Facts) -> Statement | None:
        value = facts.get(name)
        return None if value is None or value <= 0 else Statement(says.format(money(facts, value)), value, None)

    return say


def open_tickets(facts: Facts) -> Statement | None:
    """Say how many tickets wait, and since when."""
    tickets, oldest = facts.get("open_tickets"), facts.get("oldest_open_ticket_days")
    if not tickets:
        return None
    if oldest is None or round(oldest) < 1:
        return Statement(f"{count(tickets, 'ticket')} open", tickets, None)
    since = f"for {count(round(oldest), 'day')}"
    shown = f"1 ticket open {since}" if tickets == 1 else f"{count(tickets, 'ticket')} open, the oldest {since}"
    return Statement(shown, tickets, None)


def complaints_rose(facts: Facts) -> Statement | None:
    """Compare the complaints of the last 90 days with the 90 days before."""
    now, before = facts.get("complaints_90d"), facts.get("complaints_prior_90d")
    if now is None or before is None or now <= before:
        return None
    shown = "none" if before == 0 else number(before)
    return Statement(f"{count(now, 'complaint')} in 90 days; {shown} in the 90 days before", now, before)


def dissatisfied(facts: Facts) -> Statement | None:
    """Say how low the customer rated solved tickets; an answer of 4 or 5 is no reason to worry."""
    score = facts.get("satisfaction_180d")
    if score is None or score >= 3.5:
        return None
    return Statement(f"Rated our service {number(score)} of 5 over 180 days", score, 5.0)


def no_contact(facts: Facts) -> Statement | None:
    """Say since when nobody spoke with the customer, where that is longer than for most."""
    days, typical = facts.get("days_since_last_interaction"), facts.typical.get("days_since_last_interaction")
    if days is not None:
        if round(days) < 14 or (typical is not None and round(days) <= round(typical)):
            return None
        return Statement(f"No contact for {count(round(days), 'day')}", days, typical)
    return Statement("No contact in the last 90 days", 0.0, None) if facts.get("interactions_90d") == 0 else None


def marketing_ignored(facts: Facts) -> Statement | None:
    """Say that messages were sent and brought nothing."""
    sent, opened, responses = (facts.get(f"marketing_{what}_90d") for what in ("sent", "opened", "responses"))
    if sent is None or responses is None or responses > 0:
        return None
    if sent == 0:
        return Statement("No response to marketing in 90 days; nothing was sent either", 0.0, None)
    messages = count(sent, "marketing message")
    if opened == 0 and (facts.typical.get("marketing_opened_90d") or 0) > 0:
        return Statement(f"{messages} in 90 days, none opened", 0.0, sent)
    return Statement(f"No response to {messages} in 90 days", 0.0, sent)


def usage_fell(facts: Facts) -> Statement | None:
    """Compare days with use in the last 30 days with the 30 days before."""
    now, before = facts.get("usage_days_30d"), facts.get("usage_days_prior_30d")
    if now is None:
        return None
    if now == 0:
        return Statement("No use of the product in 30 days", 0.0, before)
    if before is None or now >= before:
        return None
    return Statement(f"Used on {count(now, 'day')} of the last 30; {number(before)} of the 30 before", now, before)


def users_fell(facts: Facts) -> Statement | None:
    """Compare this week's active users with the last eight weeks."""
    now, usual = facts.get("active_users_7d"), facts.get("active_users_56d")
    if now is None or usual is None or now >= 0.9 * usual or number(now) == number(usual):
        return None
    return Statement(f"{number(now)} active users a day this week; usually {number(usual)}", now, usual)


def not_used(facts: Facts) -> Statement | None:
    """Say since when the product was not used, from a week on."""
    days = facts.get("days_since_last_usage")
    return None if days is None or round(days) < 7 else Statement(f"Product not used for {days:.0f} days", days, None)


def overdue(facts: Facts) -> Statement | None:
    """Say how many invoices are overdue, and by how much time."""
    invoices, days = facts.get("overdue_invoices"), facts.get("days_overdue_max")
    if invoices is None or invoices < 1 or days is None or round(days) < 1:
        return None
    by = f"by {count(round(days), 'day')}"
    if invoices == 1:
        return Statement(f"Invoice overdue {by}", days, None)
    return Statement(f"{count(invoices, 'invoice')} overdue, the oldest {by}", days, None)


def pays_late(facts: Facts) -> Statement | None:
    """Say by how many days the year's payments were late on average."""
    days = facts.get("payment_delay_days_365d")
    if days is None or round(days) < 1:
        return None
    return Statement(f"Paid {count(round(days), 'day')} late on average over 365 days", days, 0.0)


def renewal_near(facts: Facts) -> Statement | None:
    """Say how soon the running term ends."""
    days = facts.get("days_to_renewal")
    if days is None or not 0 <= days <= 180:
        return None
    return Statement(
        "Renewal is due today" if round(days) == 0 else f"Renewal in {count(round(days), 'day')}", days, None
    )


def no_subscription(facts: Facts) -> Statement | None:
    """Say that no subscription runs."""
    return Statement("No running subscription", 0.0, None) if facts.get("has_subscription") == 0 else None
