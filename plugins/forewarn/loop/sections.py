"""What each report of the company counts: sections of one query each, with what its columns are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from forewarn.loop.report_plan import Kind

Shown = Literal["text", "count", "money", "share", "days", "day", "month"]


@dataclass(frozen=True)
class Counted:
    """A section.

    Attributes
    ----------
    sql
        Takes `since` and `until`, the days `[since, until)`, `before`, the first day of an equally long time before,
        and `definition` of churn. Its columns are those of `columns`, in order; the first names what a row is about.
    summed
        Whether numbers of its rows add up, so that a sentence may tell them together; of others it tells the first row.
    """

    name: str
    sql: str
    columns: Mapping[str, Shown]
    summed: bool = True


def _cases(name: str, member: str, route: str) -> Counted:
    return Counted(
        name,
        f"""
select {member} as member,
    count(*) filter (where is_alert and fired_as_of >= %(since)s and fired_as_of < %(until)s) as alerts,
    count(*) filter (where told_at is not null and fired_as_of >= %(since)s and fired_as_of < %(until)s) as told,
    count(*) filter (where outcome = 'saved' and closed_as_of >= %(since)s and closed_as_of < %(until)s) as saved,
    count(*) filter (where outcome = 'churned' and closed_as_of >= %(since)s and closed_as_of < %(until)s) as lost,
    count(*) filter (where is_alert and state <> 'closed') as still_open,
    coalesce(sum(expected_loss) filter (where is_alert and state <> 'closed'), 0)::float8 as expected_loss
from marts.alert_outcomes
where (fired_as_of < %(until)s or closed_as_of < %(until)s) and {route}
group by 1
having count(*) filter (where state <> 'closed' or fired_as_of >= %(since)s or closed_as_of >= %(since)s) > 0
order by expected_loss desc, member""",
        {
            **{"member": "text", "alerts": "count", "told": "count", "saved": "count", "lost": "count"},
            **{"still_open": "count", "expected_loss": "money"},
        },
    )


def _months(name: str, figures: Mapping[str, Shown]) -> Counted:
    columns = ", ".join(f"{one}::float8" for one in figures)
    return Counted(
        name,
        f"""
select month, {columns} from (
    select m.*, v.churn_rate, v.recurring_value, v.expansion, v.contraction, v.churned_value
    from marts.kpi_monthly as m
    left join (
        select month, sum(churned_customers)::float8 / nullif(sum(opening_customers), 0) as churn_rate,
            sum(closing_value) as recurring_value, sum(expansion_value) as expansion,
            sum(contraction_value) as contraction, sum(churned_value) as churned_value
        from marts.kpi_movements where definition = %(definition)s group by month
    ) as v on v.month = m.month
    where m.is_settled and m.month < %(until)s
) as settled
order by month desc limit 6""",
        {"month": "month", **figures},
        summed=False,
    )


_TICKETS = Counted(
    "tickets",
    """
select coalesce(lower(trim(c.segment)), 'unknown') as member,
    count(*) filter (where e.kind in ('ticket', 'complaint') and e.day >= %(since)s) as tickets,
    count(*) filter (where e.kind in ('ticket', 'complaint') and e.day < %(since)s) as tickets_before,
    count(*) filter (where e.kind = 'complaint' and e.day >= %(since)s) as complaints,
    count(*) filter (where e.kind = 'ticket_rating' and e.day >= %(since)s) as ratings,
    count(*) filter (where e.kind = 'ticket_rating' and e.quantity >= 4 and e.day >= %(since)s) as satisfied
from intermediate.int_customer_events as e
left join marts.dim_customers as c on c.customer_id = e.customer_id
where e.kind in ('ticket', 'complaint', 'ticket_rating') and e.day >= %(before)s and e.day < %(until)s
group by 1 order by tickets desc, member""",
    {
        **{"member": "text", "tickets": "count", "tickets_before": "count", "complaints": "count", "ratings": "count"},
        "satisfied": "count",
    },
)
_PAYMENTS = Counted(
    "payments",
    """
select coalesce(lower(trim(c.segment)), 'unknown') as member,
    coalesce(sum(e.amount) filter (where e.kind = 'invoice' and e.day >= %(since)s), 0)::float8 as invoiced,
    coalesce(sum(e.amount) filter (where e.kind = 'payment' and e.day >= %(since)s), 0)::float8 as paid,
    coalesce(sum(e.amount) filter (where e.kind = 'payment' and e.day < %(since)s), 0)::float8 as paid_before,
    count(*) filter (where e.kind = 'dispute' and e.day >= %(since)s) as disputes
from intermediate.int_customer_events as e
left join marts.dim_customers as c on c.customer_id = e.customer_id
where e.kind in ('invoice', 'payment', 'dispute') and e.day >= %(before)s and e.day < %(until)s
group by 1 order by paid desc, member""",
    {"member": "text", "invoiced": "money", "paid": "money", "paid_before": "money", "disputes": "count"},
)
_WORTH = Counted(
    "worth",
    """
select segment as member, count(*) filter (where outcome = 'saved') as saved,
    count(*) filter (where outcome = 'churned') as lost,
    coalesce(sum(value_at_stake) filter (where outcome = 'saved'), 0)::float8 as saved_value,
    coalesce(sum(cost), 0)::float8 as cost
from marts.alert_outcomes
where is_alert and closed_as_of >= %(since)s and closed_as_of < %(until)s
group by 1 order by saved_value desc, member""",
    {"member": "text", "saved": "count", "lost": "count", "saved_value": "money", "cost": "money"},
)
_STREAMS = Counted(
    "streams",
    """
select source || '.' || stream as stream, count(*) as readings, count(*) filter (where status = 'failed') as failed,
    coalesce(sum(rows_loaded), 0) as loaded, coalesce(sum(rows_quarantined), 0) as set_aside,
    max(finished_at) filter (where status = 'landed') as landed_at
from ops.batch
where not redrive and started_at >= %(since)s and started_at < %(until)s
group by source, stream order by failed desc, set_aside desc, stream""",
    {
        **{"stream": "text", "readings": "count", "failed": "count", "loaded": "count", "set_aside": "count"},
        "landed_at": "day",
    },
)
_VOLUMES = Counted(
    "volumes",
    """
select source || '.' || stream as stream, day, rows_loaded as loaded, usual, usual_from, usual_to
from ops.batch_volume
where day >= %(since)s and day < %(until)s and rows_loaded not between usual_from and usual_to
order by day, stream""",
    {
        **{"stream": "text", "day": "day", "loaded": "count", "usual": "count", "usual_from": "count"},
        "usual_to": "count",
    },
)
_CHECKS = Counted(
    "checks",
    """
select table_name || ': ' || expectation as "check", gate, severity,
    count(distinct as_of_date) as days
from ops.gate_result
where not passed and as_of_date > %(since)s and as_of_date <= %(until)s
group by 1, gate, severity order by severity, days desc, "check" limit 30""",
    {"check": "text", "gate": "text", "severity": "text", "days": "count"},
)
_LATE = Counted(
    "late",
    """
select source || '.' || stream as stream, count(*) as days, min(as_of_date) as late_from, max(as_of_date) as late_to
from ops.late_stream
where as_of_date > %(since)s and as_of_date <= %(until)s
group by source, stream order by days desc, stream""",
    {"stream": "text", "days": "count", "late_from": "day", "late_to": "day"},
)
SECTIONS: Mapping[Kind, tuple[Counted, ...]] = {
    "sales": (
        _cases("cases_by_manager", "manager", "true"),
        _months(
            "sales_months",
            {
                **{"churn_rate": "share", "recurring_value": "money", "leads": "count"},
                **{"lead_conversion_rate": "share", "win_rate": "share", "revenue": "money"},
            },
        ),
    ),
    "service": (
        _TICKETS,
        _cases("cases_of_service", "level", "route = 'service'"),
        _months("service_months", {"csat": "share", "ratings": "count", "nps": "count", "churn_rate": "share"}),
    ),
    "finance": (
        _PAYMENTS,
        _WORTH,
        _cases("cases_of_finance", "level", "route = 'finance'"),
        _months(
            "finance_months",
            {
                **{"recurring_value": "money", "expansion": "money", "contraction": "money", "churned_value": "money"},
                **{"receivables": "money", "dso_days": "days"},
            },
        ),
    ),
    "data": (_STREAMS, _VOLUMES, _LATE, _CHECKS),
    "anomalies": (),
}
