{{ config(
    materialized='incremental',
    incremental_strategy='replace_orders',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['order_key']}, {'columns': ['_version']}],
) }}
{#- The increment reads these; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_touched_orders') %}
with orders as (
    select order_key, source, order_id, customer_id, day, known_at, cancelled_day
    from {{ ref('int_orders') }}
    where is_purchase and _version > {{ last_build().number }}
),

final as (
    select
        orders.order_key,
        orders.customer_id,
        lines.source as product_source,
        lines.product_id,
        orders.day,
        {{ utc_day('min(' ~ known_after('orders.known_at', 'lines.known_at') ~ ')') }} as known_day,
        orders.cancelled_day,
        {{ this_build() }} as _version
    from orders
    inner join {{ ref('stg_order_lines') }} as lines
        on orders.source = lines.source and orders.order_id = lines.order_id
    where lines.product_id is not null
    group by
        orders.order_key, orders.customer_id, lines.source, lines.product_id, orders.day, orders.cancelled_day
)

select * from final
