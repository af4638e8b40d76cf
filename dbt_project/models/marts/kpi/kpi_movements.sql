{{ config(
    materialized='incremental',
    incremental_strategy='replace_kpi_months',
    on_schema_change='append_new_columns',
    full_refresh=false,
    contract={'enforced': true},
    indexes=[{'columns': ['month']}],
) }}
{#- Who is a customer is asked at the month's two ends, and only from what was known there: a customer that is at one
    end and not at the other has come or gone. A month's end is the next one's beginning, so that the months add up. The
    last day of a contract is still in it, so that one that follows on the next day leaves no gap. -#}
{%- set contracts = is_fed('subscription') %}
{%- set prices = contracts and is_fed('subscription', 'mrr') %}
{%- set orders = is_fed('order') %}
{%- set whole = canonical_type('numeric') %}
{%- set active_days = var('churn').eligible_days -%}
with months as (
    {{ kpi_months_rows() }}
),

ends as (
    select month as day from months
    union
    select next_month as day from months
),

first_versions as (
    select source, min(valid_from) as day from {{ ref('int_subscription_versions') }} group by source
),

versioned as (
    select max(day) as since from first_versions
),

terms as (
    -- As each contract was seen on the day; before there are versions of its source, as it was first seen.
    select ends.day, versions.customer_id, versions.mrr
    from ends
    cross join first_versions
    inner join {{ ref('int_subscription_versions') }} as versions
        on
            first_versions.source = versions.source
            and versions.valid_from <= greatest(ends.day, first_versions.day)
            and (versions.valid_to is null or versions.valid_to > greatest(ends.day, first_versions.day))
            and versions.started_on < ends.day
            and not coalesce(
                versions.ended_on < {{ minus_days('ends.day', 1) }} and versions.end_known_on < ends.day, false
            )
),

standing as (
    select day, customer_id, 'contractual' as definition, sum(coalesce(mrr, 0)) as value
    from terms
    group by day, customer_id
    union all
    -- Without contracts a customer is one that has bought lately; its value is what it buys in thirty days.
    select
        ends.day,
        days.customer_id,
        'non_contractual' as definition,
        round(cast(coalesce(sum(days.revenue), 0) * 30 as {{ whole }}) / {{ active_days }}, 2) as value
    from ends
    inner join {{ ref('int_order_days') }} as days
        on
            days.day >= {{ minus_days('ends.day', active_days) }}
            and days.day < ends.day
            and days.known_day < ends.day
    group by ends.day, days.customer_id
    having sum(days.orders) > 0
),

pairs as (
    select
        months.month,
        months.next_month,
        standing.definition,
        standing.customer_id,
        max(case when standing.day = months.month then standing.value end) as opening,
        max(case when standing.day = months.next_month then standing.value end) as closing
    from months
    inner join standing on standing.day = months.month or standing.day = months.next_month
    group by months.month, months.next_month, standing.definition, standing.customer_id
),

earlier as (
    -- Since when it is known that somebody was a customer at all.
    select customer_id, 'contractual' as definition, min(ended_on) as day
    from {{ ref('int_subscriptions') }}
    where ended_on is not null
    group by customer_id
    union all
    select days.customer_id, 'non_contractual' as definition, min(days.known_day) as day
    from {{ ref('int_order_days') }} as days
    where
        days.orders > 0
        and days.customer_id in (
            select pairs.customer_id
            from pairs
            where pairs.opening is null and pairs.definition = 'non_contractual'
        )
    group by days.customer_id
),

moved as (
    select
        pairs.*,
        case
            when pairs.opening is not null and pairs.closing is not null then 'stayed'
            when pairs.opening is not null then 'churned'
            when earlier.day < pairs.month then 'reactivated'
            else 'new'
        end as movement,
        coalesce(lower(trim(history.segment)), 'unknown') as segment,
        coalesce(history.region, 'unknown') as region
    from pairs
    left join earlier on pairs.customer_id = earlier.customer_id and pairs.definition = earlier.definition
    left join {{ ref('customer_history') }} as history
        on pairs.customer_id = history.customer_id and {{ stood_on('history', 'pairs.next_month') }}
),

summed as (
    select
        month,
        next_month,
        definition,
        segment,
        region,
        count(opening) as opening_customers,
        count(closing) as closing_customers,
        {%- for movement in ['new', 'reactivated', 'churned'] %}
        count(*) filter (where movement = '{{ movement }}') as {{ movement }}_customers,
        {%- endfor %}
        coalesce(sum(opening), 0) as opening_value,
        coalesce(sum(closing), 0) as closing_value,
        coalesce(sum(closing) filter (where movement = 'new'), 0) as new_value,
        coalesce(sum(closing) filter (where movement = 'reactivated'), 0) as reactivated_value,
        coalesce(sum(greatest(closing - opening, 0)) filter (where movement = 'stayed'), 0) as expansion_value,
        coalesce(sum(greatest(opening - closing, 0)) filter (where movement = 'stayed'), 0) as contraction_value,
        coalesce(sum(opening) filter (where movement = 'churned'), 0) as churned_value
    from moved
    group by month, next_month, definition, segment, region
),

{%- set known -%}
    (definition = 'contractual' and 1 = {{ 1 if prices else 0 }})
    or (definition = 'non_contractual' and 1 = {{ 1 if orders else 0 }})
{%- endset %}

final as (
    select
        summed.month,
        cast(summed.definition as {{ type_text() }}) as definition,
        cast(summed.segment as {{ type_text() }}) as segment,
        cast(summed.region as {{ type_text() }}) as region,
        {%- for name in ['opening', 'new', 'reactivated', 'churned', 'closing'] %}
        cast(summed.{{ name }}_customers as {{ type_bigint() }}) as {{ name }}_customers,
        {%- endfor %}
        {%- for name in ['opening', 'new', 'reactivated', 'expansion', 'contraction', 'churned', 'closing'] %}
        cast(case when {{ known }} then summed.{{ name }}_value end as {{ whole }}) as {{ name }}_value,
        {%- endfor %}
        summed.definition = 'contractual' and coalesce(summed.month < versioned.since, false) as is_restated,
        {{ kpi_is_settled('summed.next_month') }} as is_settled,
        {{ built_from() }} as built_from
    from summed
    cross join versioned
)

select * from final
