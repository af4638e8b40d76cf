"""Sentences about what customers wrote, answered and were promised, in the form of `sentences`."""

from __future__ import annotations

from churn_model.sentences import Facts, Statement, Template, count, number

MINE_TONE = 0.1  # sentiment is a mean of a classifier's answers: smaller differences say nothing


def rose(name: str, before: str, noun: str, plural: str = "") -> Template:
    """Say that something was counted, against the 90 days before where it was less then."""

    def say(facts: Facts) -> Statement | None:
        now, earlier = facts.get(name), facts.get(before)
        if not now:
            return None
        shown = f"{count(now, noun, plural)} in 90 days"
        if earlier is None or now <= earlier:
            return Statement(shown, now, earlier)
        return Statement(f"{shown}; {'none' if earlier == 0 else number(earlier)} in the 90 days before", now, earlier)

    return say


def tone_fell(facts: Facts) -> Statement | None:
    """Compare the tone of what the customer wrote with their own year before."""
    now, change = facts.get("text_sentiment_90d"), facts.get("text_sentiment_change")
    if now is None or change is None or change > -MINE_TONE:
        return None
    before = now - change
    return Statement(f"Tone of what they wrote {now:+.1f} in 90 days; {before:+.1f} in the year before", now, before)


def tone_bad(facts: Facts) -> Statement | None:
    """Say that what the customer wrote sounds discontent."""
    now = facts.get("text_sentiment_90d")
    if now is None or now > -MINE_TONE:
        return None
    return Statement(f"Tone of what they wrote in 90 days: {now:+.1f} on a scale of -1 to +1", now, 0.0)


def would_not_recommend(facts: Facts) -> Statement | None:
    """Say how low the last recommendation was; 7 and more is no reason to worry."""
    score, age = facts.get("nps_latest"), facts.get("nps_age_days")
    if score is None or score > 6:
        return None
    since = "" if age is None or round(age) < 1 else f", {count(round(age), 'day')} ago"
    return Statement(f"Would recommend us with {number(score)} of 10{since}", score, 10.0)


def opens_fell(facts: Facts) -> Statement | None:
    """Compare the share of messages that were opened with the 90 days before."""
    sent, opened = facts.get("marketing_sent_90d"), facts.get("marketing_opened_90d")
    sent_before, opened_before = facts.get("marketing_sent_prior_90d"), facts.get("marketing_opened_prior_90d")
    if not sent or not sent_before or opened is None or opened_before is None:
        return None
    now, before = opened / sent, opened_before / sent_before
    if round(100 * now) >= round(100 * before):
        return None
    return Statement(f"Opened {now:.0%} of our messages in 90 days; {before:.0%} in the 90 days before", now, before)


def attends_less(facts: Facts) -> Statement | None:
    """Compare the events attended with the half-year before."""
    now, before = facts.get("attendances_180d"), facts.get("attendances_prior_180d")
    if now is None or before is None or now >= before:
        return None
    shown = "No event" if now == 0 else count(now, "event")
    return Statement(f"{shown} attended in 180 days; {number(before)} in the 180 days before", now, before)


def answers_less(facts: Facts) -> Statement | None:
    """Compare the share of solved tickets that the customer rated with the half-year before."""
    now, before = facts.get("survey_answer_share_180d"), facts.get("survey_answer_share_prior_180d")
    if now is None or before is None or round(100 * now) >= round(100 * before):
        return None
    return Statement(f"Rated {now:.0%} of solved tickets in 180 days; {before:.0%} in the 180 days before", now, before)


def came_late(facts: Facts) -> Statement | None:
    """Say how many shipments came late, and which share that is."""
    late, share = facts.get("late_shipments_90d"), facts.get("late_shipment_share_90d")
    if not late:
        return None
    of_all = "" if share is None else f", {share:.0%} of those promised"
    return Statement(f"{count(late, 'late shipment')} in 90 days{of_all}", late, None)


def credit_used(facts: Facts) -> Statement | None:
    """Say how much of the credit limit is used, from four fifths on."""
    share = facts.get("credit_used_share")
    if share is None or round(100 * share) < 80:
        return None
    return Statement(f"{share:.0%} of the credit limit used", share, 1.0)


def no_deal(facts: Facts) -> Statement | None:
    """Say that nothing is being negotiated, where most others have something open."""
    value, typical = facts.get("open_opportunities"), facts.typical.get("open_opportunities")
    return Statement("No open deal", 0.0, typical) if value == 0 and typical is not None and typical >= 1 else None
