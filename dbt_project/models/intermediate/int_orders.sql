{{ config(
    materialized='incremental',
    incremental_strategy='replace_orders',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['order_key'], 'unique': true}, {'columns': ['customer_id']}],
) }}
with orders as (
    select * from {{ ref('stg_orders') }}
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
    group by source, order_id
),

identity as (
    select source, account_id, customer_id, changed_version from {{ ref('int_account_identity') }}
),

seen as (
    {{ last_seen() }}
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
        greatest(orders._batch_id, coalesce(lines._batch_id, orders._batch_id)) as _batch_id,
        identity.changed_version as _identity_version
    from orders
    inner join identity on orders.account_source = identity.source and orders.account_id = identity.account_id
    left join lines on orders.source = lines.source and orders.order_id = lines.order_id
),

changed as (
    select joined.*
    from joined
    cross join seen
    {%- if is_incremental() %}
    left join {{ this }} as before on joined.order_key = before.order_key
    {%- endif %}
    where
        joined._batch_id > seen.batch_id
        or joined._identity_version > seen.identity_version
        {%- if is_incremental() %}
        -- A line that its source no longer has comes with no batch of its own.
        or joined.line_count <> before.line_count
        {%- endif %}
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
        _identity_version
    from changed
)

select * from final
