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
{#- Lines that were entered after their order count from then on, where the order's value is that of its lines. -#}
{#- One that was entered after the order was cancelled never does. -#}
{%- set cancelled = 'greatest(orders.cancelled_at, ' ~ known_after('orders.ordered_at', 'orders.known_at') ~ ')' -%}
{%- set counts -%}
    orders.cancelled_at is null or lines.known_at is null or {{ utc_day('lines.known_at') }} <= {{ utc_day(cancelled) }}
{%- endset -%}
{%- set is_late = utc_day('lines.known_at') ~ ' > ' ~ utc_day(known_after('orders.ordered_at', 'orders.known_at')) -%}
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
        lines.source,
        lines.order_id,
        {%- if is_fed('order_line', 'known_at') %}
        sum(lines.amount) filter (where {{ counts }}) as amount,
        sum(lines.discount_amount) filter (where {{ counts }}) as discount_amount,
        sum(lines.amount) filter (where {{ is_late }} and ({{ counts }})) as late_amount,
        sum(lines.discount_amount) filter (where {{ is_late }} and ({{ counts }})) as late_discount_amount,
        {%- else %}
        sum(lines.amount) as amount,
        sum(lines.discount_amount) as discount_amount,
        cast(null as {{ canonical_type('numeric') }}) as late_amount,
        cast(null as {{ canonical_type('numeric') }}) as late_discount_amount,
        {%- endif %}
        count(*) as line_count,
        max(lines._batch_id) as _batch_id
    from {{ ref('stg_order_lines') }} as lines
    {%- if is_fed('order_line', 'known_at') %}
    inner join orders on lines.source = orders.source and lines.order_id = orders.order_id
    {%- endif %}
    {%- if is_incremental() %}
    where (lines.source, lines.order_id) in (select touched.source, touched.order_id from touched)
    {%- endif %}
    group by lines.source, lines.order_id
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
        case when orders.amount is null then lines.late_amount end as late_amount,
        case when orders.discount_amount is null then lines.late_discount_amount end as late_discount_amount,
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
        late_amount,
        late_discount_amount,
        _batch_id,
        {{ this_build() }} as _version
    from joined
)

select * from final
