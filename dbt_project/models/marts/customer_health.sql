{{ config(
    materialized='incremental',
    incremental_strategy='replace_dates',
    on_schema_change='append_new_columns',
    full_refresh=false,
    contract={'enforced': true},
) }}
{%- set health = var('health') %}
{%- set components = ['usage', 'orders', 'service', 'payments', 'engagement', 'satisfaction'] %}
{%- set double = type_double() %}
with features as (
    select * from {{ ref('churn_features') }} where {{ is_requested_date() }}
),

points as (
    select
        customer_id,
        as_of_date
        {%- for component, measures in health.components.items() %}
        {%- for measure, points in measures.items() %},
        {{ points_of(measure, points) }} as {{ component }}__{{ measure }}
        {%- endfor %}
        {%- endfor %}
    from features
),

scored as (
    -- The mean of the component's measures that are known.
    select
        points.customer_id,
        points.as_of_date,
        {{ customer_type() }} as customer_type
        {%- for component in components %},
        {%- set measures = health.components.get(component, {}) %}
        {%- if measures %}
        cast(
            (
                {%- for measure in measures %}
                coalesce({{ component }}__{{ measure }}, 0) {{ '+' if not loop.last }}
                {%- endfor %}
            ) / nullif(
                {%- for measure in measures %}
                case when {{ component }}__{{ measure }} is null then 0 else 1 end {{ '+' if not loop.last }}
                {%- endfor %}, 0
            ) as {{ double }}
        ) as {{ component }}_score
        {%- else %}
        cast(null as {{ double }}) as {{ component }}_score
        {%- endif %}
        {%- endfor %}
    from points
    inner join {{ ref('dim_customers') }} as customers on points.customer_id = customers.customer_id
    left join {{ ref('customer_history') }} as history
        on points.customer_id = history.customer_id and {{ stood_on('history', 'points.as_of_date') }}
),

weighed as (
    select
        scored.*
        {%- for component in components %},
        {{ health_weight(health, component) if component in health.components else 0 }} as {{ component }}_weight
        {%- endfor %},
        {{ weight_of_all(health) }} as whole_weight
    from scored
),

final as (
    select
        customer_id,
        as_of_date,
        {%- for component in components %}
        {{ component }}_score,
        {%- endfor %}
        cast(
            (
                {%- for component in components %}
                {{ component }}_weight * coalesce({{ component }}_score, 0) {{ '+' if not loop.last }}
                {%- endfor %}
            ) / nullif(
                {%- for component in components %}
                {{ component }}_weight {{ '+' if not loop.last }}
                {%- endfor %}, 0
            ) as {{ double }}
        ) as health_score,
        cast(
            (
                {%- for component in components %}
                {{ component }}_weight {{ '+' if not loop.last }}
                {%- endfor %}
            ) / cast(nullif(whole_weight, 0) as {{ double }}) as {{ double }}
        ) as known_share
    from weighed
)

select * from final
