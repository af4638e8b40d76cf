{{ config(
    materialized='incremental',
    incremental_strategy='replace_buyers',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['customer_id']}, {'columns': ['_version']}],
) }}
{#- How many different articles a customer bought in a window, without counting distinct for every date. A purchase
    stands for its article from the day after it is known until a later purchase of the article is known, or until it is
    as old as the window is long. So each gives one step up and one step down, and the number on a date is the sum of
    the steps until then: one small row per customer and day whatever the number of articles, and a late row still
    counts only from the day on which it is known. -#}
with orders as (
    select source, order_id, customer_id, day, known_day
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
        orders.known_day
    from {{ ref('stg_order_lines') }} as lines
    inner join orders on lines.source = orders.source and lines.order_id = orders.order_id
    where lines.product_id is not null
),

items as (
    select customer_id, 'product' as level, source || '|' || product_id as item, day, known_day from bought
    union all
    select distinct bought.customer_id, 'category' as level, products.category as item, bought.day, bought.known_day
    from bought
    inner join products on bought.source = products.source and bought.product_id = products.product_id
),

spans as (
    select
        items.customer_id,
        items.level,
        items.day,
        items.known_day,
        min(items.known_day) over (
            partition by items.customer_id, items.level, items.item
            order by items.day, items.known_day
            rows between 1 following and unbounded following
        ) as superseded_on
    from items
),

edges as (
    select 90 as length, 1 as step
    union all
    select 90 as length, -1 as step
    union all
    select 365 as length, 1 as step
    union all
    select 365 as length, -1 as step
),

steps as (
    select
        spans.customer_id,
        spans.level,
        edges.length,
        edges.step,
        case
            when edges.step = 1 then {{ plus_days('spans.known_day', 1) }}
            else {{ plus_days('least(spans.superseded_on, ' ~ plus_days('spans.day', 'edges.length') ~ ')', 1) }}
        end as day
    from spans
    cross join edges
    where spans.known_day < least(spans.superseded_on, {{ plus_days('spans.day', 'edges.length') }})
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
