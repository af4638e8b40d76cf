{{ config(materialized='view', contract={'enforced': true}) }}
{%- set definition = var('churn').definition -%}
{%- set own = {'segment': 'segment', 'manager': 'manager', 'playbook': 'playbook', 'level': 'level'} -%}
{%- set whole = canonical_type('numeric') -%}
with alerts as (
    select
        alerts.*,
        {{ first_of_month('alerts.fired_as_of') }} as month
    from {{ ref('alert_outcomes') }} as alerts
    where alerts.is_alert
),

signals as (
    -- A model is named with its version; a rule whose text changed is the same rule.
    select distinct
        case_id,
        case when kind = 'model' then 'model' else 'rule' end as dimension,
        case when kind = 'model' then name || ' ' || version else name end as member
    from {{ ref('alert_signals') }}
),

members as (
    select case_id, 'all' as dimension, 'all' as member from alerts
    {%- for name, column in own.items() %}
    union all
    select case_id, '{{ name }}' as dimension, {{ column }} as member from alerts
    {%- endfor %}
    union all
    select case_id, dimension, member from signals
),

alerts_by as (
    select
        alerts.month,
        members.dimension,
        members.member,
        count(*) as alerts,
        count(alerts.told_at) as told,
        count(*) filter (where alerts.arm = 'control') as control_group,
        count(*) filter (where not alerts.is_mature) as unripe,
        count(alerts.churned) as judged,
        count(*) filter (where alerts.churned) as correct,
        count(alerts.churned) filter (where not alerts.is_treated) as judged_untreated,
        count(*) filter (where alerts.churned and not alerts.is_treated) as correct_untreated,
        percentile_cont(0.5) within group (order by alerts.lead_days) as median_lead_days,
        count(*) filter (where alerts.told_at is not null and alerts.acknowledged_at is not null) as acknowledged,
        count(*) filter (where alerts.outcome <> 'merged') as closed,
        count(*) filter (where alerts.intervention_presumed) as presumed,
        count(*) filter (where alerts.outcome = 'false_alarm') as false_alarms,
        count(*) filter (where alerts.outcome = 'saved') as saved,
        count(*) filter (where alerts.outcome = 'churned') as lost,
        coalesce(sum(alerts.value_at_stake) filter (where alerts.outcome = 'saved'), 0) as saved_value,
        sum(alerts.cost) as cost
    from alerts
    inner join members on alerts.case_id = members.case_id
    group by alerts.month, members.dimension, members.member
),

leavers as (
    select
        {{ first_of_month('found.gone_on') }} as month,
        found.case_id,
        found.was_foreseen,
        lower(coalesce(customers.segment, 'unknown')) as segment,
        coalesce(customers.owner_name, customers.owner_email, 'nobody') as manager
    from {{ ref('churn_leavers') }} as found
    left join {{ ref('dim_customers') }} as customers on found.customer_id = customers.customer_id
    -- Nobody could be told before the first day that was published live.
    where
        found.definition = '{{ definition }}'
        and found.gone_on > (
            select min(published.as_of_date) from {{ source('ops', 'publication') }} as published where published.live
        )
),

all_leavers as (
    select month, count(*) as leavers
    from leavers
    group by month
),

leaver_members as (
    {%- for name, column in {'all': "'all'", 'segment': 'segment', 'manager': 'manager'}.items() %}
    select month, '{{ name }}' as dimension, {{ column }} as member, was_foreseen from leavers
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

leavers_by as (
    select
        month,
        dimension,
        member,
        count(*) as leavers,
        count(*) filter (where was_foreseen) as foreseen
    from leaver_members
    group by month, dimension, member
    union all
    -- A rule or a model looks at everybody: its leavers are those of the month.
    select
        leavers.month,
        signals.dimension,
        signals.member,
        max(all_leavers.leavers) as leavers,
        count(*) as foreseen
    from leavers
    inner join signals on leavers.case_id = signals.case_id
    inner join all_leavers on leavers.month = all_leavers.month
    group by leavers.month, signals.dimension, signals.member
),

final as (
    select
        coalesce(alerts_by.month, leavers_by.month) as month,
        cast(coalesce(alerts_by.dimension, leavers_by.dimension) as {{ type_text() }}) as dimension,
        cast(coalesce(alerts_by.member, leavers_by.member) as {{ type_text() }}) as member
        {%- for name in ['alerts', 'told', 'control_group', 'unripe', 'judged', 'correct', 'judged_untreated',
            'correct_untreated', 'acknowledged', 'closed', 'presumed', 'false_alarms', 'saved', 'lost'] %},
        cast(coalesce(alerts_by.{{ name }}, 0) as {{ type_bigint() }}) as {{ name }}
        {%- endfor %},
        cast(leavers_by.leavers as {{ type_bigint() }}) as leavers,
        cast(leavers_by.foreseen as {{ type_bigint() }}) as foreseen,
        {{ kpi_rate('alerts_by.correct', 'alerts_by.judged') }} as precision,
        {{ kpi_rate('alerts_by.correct_untreated', 'alerts_by.judged_untreated') }} as precision_untreated,
        {{ kpi_rate('leavers_by.foreseen', 'leavers_by.leavers') }} as recall,
        cast(alerts_by.median_lead_days as {{ type_double() }}) as median_lead_days,
        {{ kpi_rate('alerts_by.acknowledged', 'alerts_by.told') }} as acknowledgement_rate,
        {{ kpi_rate('alerts_by.false_alarms', 'alerts_by.closed') }} as false_alarm_rate,
        {{ kpi_rate('alerts_by.saved', '(alerts_by.saved + alerts_by.lost)') }} as save_rate_gross,
        cast(coalesce(alerts_by.saved_value, 0) as {{ whole }}) as saved_value,
        cast(alerts_by.cost as {{ whole }}) as cost,
        {{ kpi_rate('(alerts_by.saved_value - alerts_by.cost)', 'alerts_by.cost') }} as roi_gross
    from alerts_by
    full outer join leavers_by
        on
            alerts_by.month = leavers_by.month
            and alerts_by.dimension = leavers_by.dimension
            and alerts_by.member = leavers_by.member
)

select * from final
