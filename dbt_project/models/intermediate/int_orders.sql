{{ config(
    materialized='incremental',
    incremental_strategy='replace_orders',
    on_schema_change='append_new_columns',
    indexes=[
        {'columns': ['order_key'], 'unique': true},
        {'columns': ['customer_id']},
        {'columns': ['_version']},
    ],
) }}
{#- The increment reads these; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_touched_orders') %}
{%- set since = last_build().number -%}
with {% if is_incremental() -%}
moved as (
    {{ moved_accounts() }}
),

touched as (
    select source, order_id from {{ ref('int_touched_orders') }}
    union
    select written.source, written.order_id
    from {{ this }} as written
    inner join moved
        on written.account_source = moved.source and written.account_id = moved.account_id
    where written.customer_id = moved.previous_customer_id or written._version > {{ since }}
),

{% endif -%}
orders as (
    select * from {{ ref('stg_orders') }}
    {%- if is_incremental() %}
    where (source, order_id) in (select touched.source, touched.order_id from touched)
    {%- endif %}
),

lines as (
    select
        source,
        order_id,
        sum(amount) as amount,
        sum(discount_amount) as discount_amount,
        count(*) as line_count,
        max(_batch_id) as _batch_id
    from {{ ref('stg_order_lines') }}
    {%- if is_incremental() %}
    where (source, order_id) in (select touched.source, touched.order_id from touched)
    {%- endif %}
    group by source, order_id
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

joined as (
    select
        orders.source || '|' || orders.order_id as order_key,
        orders.source,
        orders.order_id,
        orders.account_source,
        orders.account_id,
        identity.customer_id,
        orders.ordered_at,
        {{ known_after('orders.ordered_at', 'orders.known_at') }} as known_at,
        case
            when orders.cancelled_at is not null
                then greatest(orders.cancelled_at, {{ known_after('orders.ordered_at', 'orders.known_at') }})
        end as cancelled_at,
        lower(trim(orders.status)) as status,
        coalesce(orders.amount, lines.amount) as amount,
        coalesce(orders.discount_amount, lines.discount_amount) as discount_amount,
        coalesce(lines.line_count, 0) as line_count,
        greatest(orders._batch_id, coalesce(lines._batch_id, orders._batch_id)) as _batch_id
    from orders
    inner join identity on orders.account_source = identity.source and orders.account_id = identity.account_id
    left join lines on orders.source = lines.source and orders.order_id = lines.order_id
),

final as (
    select
        order_key,
        source,
        order_id,
        account_source,
        account_id,
        customer_id,
        ordered_at,
        known_at,
        cancelled_at,
        {{ utc_day('ordered_at') }} as day,
        {{ utc_day('known_at') }} as known_day,
        {{ utc_day('cancelled_at') }} as cancelled_day,
        status,
        amount,
        discount_amount,
        -- A purchase of unknown value is one; a credit is not, nor an order that was cancelled nobody knows when.
        coalesce(amount, 1) > 0
        and (
            cancelled_at is not null
            or coalesce(status, '') not in ('cancelled', 'canceled', 'void', 'voided', 'rejected')
        ) as is_purchase,
        line_count,
        _batch_id,
        {{ this_build() }} as _version
    from joined
)

select * from final
