-- Every case of the ledger is told once, as it stands; and the months hold every alert once in each way of dividing
-- them that divides them whole.
with ledger as (
    select count(*) as cases, count(outcome) as closed, coalesce(sum(value_at_stake), 0) as value
    from {{ source('alerts', 'case') }}
),

told as (
    select count(*) as cases, count(outcome) as closed, coalesce(sum(value_at_stake), 0) as value
    from {{ ref('alert_outcomes') }}
),

alerts as (
    select count(*) as alerts, count(case when outcome = 'saved' then 1 end) as saved, coalesce(sum(cost), 0) as cost
    from {{ ref('alert_outcomes') }}
    where is_alert
),

months as (
    select dimension, sum(alerts) as alerts, sum(saved) as saved, coalesce(sum(cost), 0) as cost
    from {{ ref('alert_performance_monthly') }}
    where dimension in ('all', 'segment', 'manager', 'playbook', 'level')
    group by dimension
)

select 'ledger' as what
from ledger
inner join told
    on ledger.cases <> told.cases or ledger.closed <> told.closed or ledger.value <> told.value
union all
select months.dimension as what
from alerts
inner join months
    on alerts.alerts <> months.alerts or alerts.saved <> months.saved or alerts.cost <> months.cost
