{{ config(
    materialized='incremental',
    incremental_strategy='replace_orders',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['order_key']}, {'columns': ['_version']}],
) }}
{#- The increment reads this; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_touched_orders') %}
with orders as (
    select
        order_key,
        source,
        order_id,
        account_source,
        account_id,
        ordered_at,
        known_day,
        cancelled_day,
        status,
        late_amount,
        late_discount_amount
    from {{ ref('int_orders') }}
    where is_purchase and (late_amount <> 0 or late_discount_amount <> 0) and _version > {{ last_build().number }}
),

final as (
    select
        orders.order_key,
        orders.source,
        lines.order_line_id,
        orders.account_source,
        orders.account_id,
        orders.ordered_at,
        lines.known_at,
        -- What the order says itself is not said again by its lines.
        case when orders.late_amount is not null then lines.amount end as amount,
        case when orders.late_discount_amount is not null then lines.discount_amount end as discount_amount,
        orders.status,
        lines._batch_id,
        {{ this_build() }} as _version
    from orders
    inner join {{ ref('stg_order_lines') }} as lines
        on orders.source = lines.source and orders.order_id = lines.order_id
    where
        {{ utc_day('lines.known_at') }} > orders.known_day
        and (orders.cancelled_day is null or {{ utc_day('lines.known_at') }} <= orders.cancelled_day)
)

select * from final
