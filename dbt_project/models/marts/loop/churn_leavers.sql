{{ config(materialized='view', contract={'enforced': true}) }}
{#- A leaver's labels say churned on many dates. Purchases: all of them look back at one last order. Contracts: all look
    ahead to one end. That day tells one leaving from another. -#}
{%- set horizon = var('churn').horizon_days -%}
with labels as (
    -- Of two that turned out to be one the one that is left leaves.
    select labels.customer_id, labels.as_of_date, labels.definition
    from {{ ref('churn_labels') }} as labels
    left join {{ ref('int_merged_customers') }} as merged on labels.customer_id = merged.customer_id
    where labels.is_mature and labels.churned and labels.horizon_days = {{ horizon }} and merged.customer_id is null
),

by_purchases as (
    select
        labels.customer_id,
        labels.definition,
        labels.as_of_date,
        {{ plus_days(
            minus_days('labels.as_of_date', 'cast(features.days_since_last_order as integer)'), horizon
        ) }} as gone_on
    from labels
    inner join {{ ref('churn_features') }} as features
        on labels.as_of_date = features.as_of_date and labels.customer_id = features.customer_id
    where labels.definition = 'non_contractual'
),

by_contracts as (
    select
        labels.customer_id,
        labels.definition,
        labels.as_of_date,
        coalesce(max(subscriptions.ended_on), {{ plus_days('labels.as_of_date', horizon) }}) as gone_on
    from labels
    left join {{ ref('int_subscriptions') }} as subscriptions
        on
            labels.customer_id = subscriptions.customer_id
            and subscriptions.started_on < {{ plus_days('labels.as_of_date', horizon) }}
            and subscriptions.ended_on >= labels.as_of_date
    where labels.definition = 'contractual'
    group by labels.customer_id, labels.definition, labels.as_of_date
),

leavings as (
    select customer_id, definition, gone_on, min(as_of_date) as first_label_on
    from (
        select * from by_purchases
        union all
        select * from by_contracts
    ) as found
    group by customer_id, definition, gone_on
),

foreseen as (
    -- An alert that was over a whole horizon before the customer was gone foresaw something else.
    select
        leavings.customer_id,
        leavings.definition,
        leavings.gone_on,
        cases.case_id,
        cases.fired_as_of,
        row_number() over (
            partition by leavings.customer_id, leavings.definition, leavings.gone_on
            order by cases.fired_as_of, cases.case_id
        ) as place
    from leavings
    inner join {{ ref('int_alert_cases') }} as cases
        on
            leavings.customer_id = cases.customer_id
            and cases.fired_as_of < leavings.gone_on
            and (cases.closed_as_of is null or cases.closed_as_of >= {{ minus_days('leavings.gone_on', horizon) }})
),

final as (
    select
        cast(leavings.customer_id as {{ type_text() }}) as customer_id,
        cast(leavings.definition as {{ type_text() }}) as definition,
        leavings.gone_on,
        leavings.first_label_on,
        foreseen.case_id is not null as was_foreseen,
        foreseen.case_id,
        {{ days_between('foreseen.fired_as_of', 'leavings.gone_on') }} as lead_days
    from leavings
    left join foreseen
        on
            leavings.customer_id = foreseen.customer_id
            and leavings.definition = foreseen.definition
            and leavings.gone_on = foreseen.gone_on
            and foreseen.place = 1
)

select * from final
