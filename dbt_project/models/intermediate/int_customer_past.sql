{{ config(
    materialized='incremental',
    incremental_strategy='replace_past',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['customer_id'], 'unique': true}],
) }}
{#- The increment reads this; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_customer_events') %}
{%- set until = "cast('" ~ settled_until() ~ "' as date)" -%}
with {% if settled_day_stays() -%}
touched as (
    {{ touched_past(until) }}
),

{% endif -%}
days as (
    select * from {{ ref('int_customer_days') }}
    where
        known_day < {{ until }}
        {%- if settled_day_stays() %}
        and customer_id in (select touched.customer_id from touched)
        {%- endif %}
),

sums as (
    select
        customer_id,
        min(day) as first_day,
        max(case when interactions > 0 then day end) as last_interaction_day,
        max(case when usage_records > 0 then day end) as last_usage_day,
        sum(orders) as orders,
        sum(opportunities) as opportunities,
        sum(opportunities_closed) as opportunities_closed,
        sum(owner_assignments) as owner_assignments
    from days
    group by customer_id
),

order_days as (
    select * from {{ ref('int_order_days') }}
    where
        day < {{ until }}
        {%- if settled_day_stays() %}
        and customer_id in (select touched.customer_id from touched)
        {%- endif %}
),

rhythms as (
    {{ order_rhythm('select customer_id, day, orders from order_days where known_day < ' ~ until) }}
),

late as (
    select distinct customer_id from order_days where known_day >= {{ until }}
),

final as (
    select
        sums.customer_id,
        {{ until }} as settled_until,
        sums.first_day,
        sums.last_interaction_day,
        sums.last_usage_day,
        sums.orders,
        sums.opportunities,
        sums.opportunities_closed,
        sums.owner_assignments,
        coalesce(rhythms.order_days, 0) as order_days,
        rhythms.first_order_day,
        rhythms.last_order_day,
        rhythms.gap_squares,
        late.customer_id is not null as has_late_orders,
        {{ this_build() }} as _version
    from sums
    left join rhythms on sums.customer_id = rhythms.customer_id
    left join late on sums.customer_id = late.customer_id
)

select * from final
