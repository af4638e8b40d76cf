{{ config(materialized='view', contract={'enforced': true}) }}
{%- set definition = var('churn').definition -%}
{%- set contact = canonical_type('numeric') -%}
with cases as (
    select * from {{ ref('int_alert_cases') }}
),

labels as (
    select
        customer_id,
        as_of_date,
        max(case when definition = '{{ definition }}' then label_matures_on end) as label_matures_on,
        {%- for name in ['contractual', 'non_contractual'] %}
        max(case when definition = '{{ name }}' and is_mature and churned is not null then cast(churned as integer) end)
            = 1 as churned_{{ name }},
        {%- endfor %}
        max(case when definition = '{{ definition }}' and is_mature then 1 else 0 end) = 1 as is_mature
    from {{ ref('churn_labels') }}
    where horizon_days = {{ var('churn').horizon_days }}
    group by customer_id, as_of_date
),

newest as (
    select max(as_of_date) as as_of_date from {{ ref('churn_labels') }}
),

models as (
    select case_id, max(version) as model_version
    from {{ ref('alert_signals') }}
    where kind = 'model'
    group by case_id
),

leads as (
    select case_id, min(lead_days) as lead_days
    from {{ ref('churn_leavers') }}
    where definition = '{{ definition }}' and was_foreseen
    group by case_id
),

segments as (
    select
        cases.case_id,
        max(history.segment) as segment
    from cases
    inner join {{ ref('customer_history') }} as history
        on
            cases.customer_id = history.customer_id
            and cases.opened_as_of >= history.valid_from
            and (history.valid_to is null or cases.opened_as_of < history.valid_to)
    group by cases.case_id
),

final as (
    select
        cast(cases.case_id as {{ type_bigint() }}) as case_id,
        cast(cases.customer_id as {{ type_text() }}) as customer_id,
        cases.episode,
        cast(cases.state as {{ type_text() }}) as state,
        cast(cases.level as {{ type_text() }}) as level,
        cast(cases.route as {{ type_text() }}) as route,
        cast(lower(coalesce(segments.segment, customers.segment, 'unknown')) as {{ type_text() }}) as segment,
        cast(cases.manager as {{ type_text() }}) as manager,
        cast(coalesce(cases.playbook, 'none') as {{ type_text() }}) as playbook,
        cast(models.model_version as {{ type_text() }}) as model_version,
        cases.level <> 'low' as is_alert,
        cases.opened_as_of,
        cases.fired_as_of,
        cast(cases.withheld as {{ type_text() }}) as withheld,
        cast(cases.arm as {{ type_text() }}) as arm,
        cases.drawn_as_of,
        cases.control_share,
        cases.told_at,
        cases.acknowledged_at,
        cases.closed_as_of,
        cases.closed_at,
        cast(cases.outcome as {{ type_text() }}) as outcome,
        cast(cases.intervention as {{ type_text() }}) as intervention,
        cases.intervention_presumed,
        case
            when cases.intervention_cost is not null then cases.intervention_cost
            when cases.intervention = 'none' then cast(0 as {{ contact }})
            when cases.intervention is not null
                then cast({{ 'null' if var('contact_cost') is none else var('contact_cost') }} as {{ contact }})
        end as cost,
        cases.value_at_stake,
        cases.expected_loss,
        -- Whoever was called, or about whom somebody was told who may have called.
        cases.told_at is not null or coalesce(cases.intervention, 'none') <> 'none' as is_treated,
        cases.window_from,
        labels.label_matures_on,
        -- A customer without a label, as one that came to be by a merge: the window ends, and nothing will be known.
        coalesce(
            labels.is_mature,
            {{ plus_days('cases.window_from', var('churn').horizon_days) }} <= newest.as_of_date,
            false
        ) as is_mature,
        -- A case that ended in a merge is no alert whose foresight could be judged.
        case when coalesce(cases.outcome, '') <> 'merged' then labels.churned_{{ definition }} end as churned,
        labels.churned_contractual,
        labels.churned_non_contractual,
        leads.lead_days
    from cases
    cross join newest
    left join {{ ref('dim_customers') }} as customers on cases.customer_id = customers.customer_id
    left join segments on cases.case_id = segments.case_id
    left join models on cases.case_id = models.case_id
    left join labels on cases.customer_id = labels.customer_id and cases.window_from = labels.as_of_date
    left join leads on cases.case_id = leads.case_id
)

select * from final
