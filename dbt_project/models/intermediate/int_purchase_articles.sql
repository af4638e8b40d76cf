{{ config(materialized='view') }}
{#- Read for the purchases of a few days only: a condition on order_key reaches each of the tables. -#}
with returned as (
    select source, order_id, min({{ utc_day(known_after('returned_at')) }}) as returned_day
    from {{ ref('stg_returns') }}
    where order_id is not null
    group by source, order_id
),

final as (
    select
        orders.order_key,
        coalesce(items.product_source, '') as product_source,
        coalesce(items.product_id, '') as product_id,
        products.category,
        returned.returned_day
    from {{ ref('int_orders') }} as orders
    left join {{ ref('int_order_items') }} as items on orders.order_key = items.order_key
    left join {{ ref('stg_products') }} as products
        on items.product_source = products.source and items.product_id = products.product_id
    left join returned on orders.source = returned.source and orders.order_id = returned.order_id
    where orders.is_purchase
)

select * from final
