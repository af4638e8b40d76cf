{{ config(
    materialized='incremental',
    incremental_strategy='replace_customers',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['customer_id']}, {'columns': ['day']}, {'columns': ['_version']}],
) }}
{#- How many different articles a customer bought in a window, without counting distinct: a row counts on exactly the
    dates on which it is the customer's last known purchase of the article, (known_day, superseded_on]. So a window is a
    plain count of rows, and a late row takes over only once it is known. -#}
with orders as (
    select source, order_id, customer_id, day, known_day
    from {{ ref('int_orders') }}
    where
        is_purchase
        {%- if is_incremental() %}
        and customer_id in ({{ touched_customers(this) }})
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

final as (
    select
        items.customer_id,
        items.level,
        items.item,
        items.day,
        items.known_day,
        min(items.known_day) over (
            partition by items.customer_id, items.level, items.item
            order by items.day, items.known_day
            rows between 1 following and unbounded following
        ) as superseded_on,
        newest.version as _version
    from items
    cross join newest
)

select * from final
