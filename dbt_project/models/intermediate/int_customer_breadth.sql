{{ config(
    materialized='incremental',
    incremental_strategy='replace_buyers',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['customer_id']}, {'columns': ['_version']}],
) }}
{#- How many different articles a customer bought in a window, without counting distinct for every date. A purchase
    speaks for its article from the day after it is known until it is cancelled or as old as the window is long. Where
    these spans of one article overlap they are one; each gives a step up at its start and a step down at its end, and
    the number on a date is the sum of the steps until then: one small row per customer and day whatever the number of
    articles, and a late row still counts only from the day on which it is known. -#}
with orders as (
    select source, order_id, customer_id, day, known_day, cancelled_day
    from {{ ref('int_orders') }}
    where
        is_purchase
        {%- if is_incremental() %}
        and customer_id in ({{ touched_buyers(this) }})
        {%- endif %}
),

products as (
    select source, product_id, category from {{ ref('stg_products') }} where category is not null
),

newest as (
    select max(_version) as version from {{ ref('int_customer_events') }}
),

bought as (
    select distinct
        orders.customer_id,
        lines.source,
        lines.product_id,
        orders.day,
        orders.known_day,
        orders.cancelled_day
    from {{ ref('stg_order_lines') }} as lines
    inner join orders on lines.source = orders.source and lines.order_id = orders.order_id
    where lines.product_id is not null
),

items as (
    select customer_id, 'product' as level, source || '|' || product_id as item, day, known_day, cancelled_day
    from bought
    union all
    select distinct
        bought.customer_id, 'category' as level, products.category as item,
        bought.day, bought.known_day, bought.cancelled_day
    from bought
    inner join products on bought.source = products.source and bought.product_id = products.product_id
),

windows as (
    select 90 as length
    union all
    select 365 as length
),

spans as (
    select
        items.customer_id,
        items.level,
        items.item,
        windows.length,
        {{ plus_days('items.known_day', 1) }} as starts_on,
        {{ plus_days('least(items.cancelled_day, ' ~ plus_days('items.day', 'windows.length') ~ ')', 1) }} as ends_on
    from items
    cross join windows
    where items.known_day < least(items.cancelled_day, {{ plus_days('items.day', 'windows.length') }})
),

side_by_side as (
    select
        spans.*,
        max(ends_on) over (
            partition by customer_id, level, length, item
            order by starts_on
            rows between unbounded preceding and 1 preceding
        ) as covered_until,
        lead(starts_on) over (
            partition by customer_id, level, length, item
            order by starts_on
        ) as next_starts_on
    from spans
),

steps as (
    select customer_id, level, length, starts_on as day, 1 as step
    from side_by_side
    where covered_until is null or covered_until < starts_on
    union all
    select customer_id, level, length, greatest(ends_on, covered_until) as day, -1 as step
    from side_by_side
    where next_starts_on is null or next_starts_on > greatest(ends_on, covered_until)
),

summed as (
    select
        customer_id,
        day,
        {%- for level in ['product', 'category'] %}
        {%- for length in [90, 365] %}
        cast(
            coalesce(sum(step) filter (where level = '{{ level }}' and length = {{ length }}), 0) as integer
        ) as {{ level }}_{{ length }}d
        {{- ',' if not loop.last or level == 'product' }}
        {%- endfor %}
        {%- endfor %}
    from steps
    group by customer_id, day
),

final as (
    select summed.*, newest.version as _version
    from summed
    cross join newest
)

select * from final
