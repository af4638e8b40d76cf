"""Sentences that hold a window against the same days a year ago, or against the customer's own year."""

from __future__ import annotations

from churn_model.sentences import Facts, Statement, count, money, number


def orders_below_season(facts: Facts) -> Statement | None:
    """Compare the orders of the last 90 days with the same days a year ago."""
    now, before = facts.get("orders_90d"), facts.get("orders_last_year_90d")
    if now is None or before is None or number(now) == number(before) or now > before:
        return None
    shown = "No order" if now == 0 else count(now, "order")
    return Statement(f"{shown} in 90 days; {number(before)} in the same 90 days a year ago", now, before)


def spend_below_season(facts: Facts) -> Statement | None:
    """Compare the revenue of the last 90 days with the same days a year ago."""
    now, before = facts.get("revenue_90d"), facts.get("revenue_last_year_90d")
    if now is None or before is None or before <= 0 or now >= before:
        return None
    if now <= 0:
        return Statement(f"No spend in 90 days; {money(facts, before)} in the same 90 days a year ago", now, before)
    percent = round(100 * (1 - now / before))
    text = f"Spend down {percent}% against the same 90 days a year ago"
    return Statement(text, now, before) if 5 <= percent < 100 else None


def contacts_fell(facts: Facts) -> Statement | None:
    """Compare the contacts of the last 30 days with the pace of the year."""
    now, year = facts.get("interactions_30d"), facts.get("interactions_365d")
    usual = None if year is None else year * 30 / 365
    if now is None or usual is None or usual < 1 or now >= usual or number(now) == number(usual):
        return None
    shown = "No contact" if now == 0 else count(now, "contact")
    return Statement(f"{shown} in 30 days; at the pace of the year it would be {number(usual)}", now, usual)


def use_fell(facts: Facts) -> Statement | None:
    """Compare the days with use of the last 7 with the pace of the last 90."""
    now, quarter = facts.get("usage_days_7d"), facts.get("usage_days_90d")
    usual = None if quarter is None else quarter * 7 / 90
    if now is None or usual is None or now >= usual or number(now) == number(usual):
        return None
    text = f"Used on {count(now, 'day')} of the last 7; at the pace of 90 days it would be {number(usual)}"
    return Statement(text, now, usual)


def pays_later(facts: Facts) -> Statement | None:
    """Compare the lateness of the last 90 days' payments with the year's."""
    now, year = facts.get("payment_delay_days_90d"), facts.get("payment_delay_days_365d")
    if now is None or round(now) < 1 or (year is not None and round(now) <= round(year)):
        return None
    before = "" if year is None else f"; over the year {'in time' if round(year) < 1 else number(round(year))}"
    return Statement(f"Paid {count(round(now), 'day')} late on average over 90 days{before}", now, year)


def opens_fell(facts: Facts) -> Statement | None:
    """Compare the share of messages opened in 90 days with the whole year's."""
    sent, opened, sent_year, opened_year = (
        facts.get(f"marketing_{what}") for what in ("sent_90d", "opened_90d", "sent_365d", "opened_365d")
    )
    if not sent or not sent_year or opened is None or opened_year is None:
        return None
    now, year = opened / sent, opened_year / sent_year
    if round(100 * now) >= round(100 * year):
        return None
    return Statement(f"Opened {now:.0%} of our messages in 90 days; {year:.0%} over the year", now, year)


def came_late(facts: Facts) -> Statement | None:
    """Say which share of the year's shipments came late."""
    share = facts.get("late_shipment_share_365d")
    if share is None or round(100 * share) < 1:
        return None
    return Statement(f"{share:.0%} of shipments late over 365 days", share, None)
