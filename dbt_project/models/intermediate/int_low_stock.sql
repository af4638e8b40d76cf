{{ config(materialized='view') }}
with counted as (
    select
        coalesce(product_source, source) as product_source,
        product_id,
        coalesce(location, '') as location,
        {{ utc_day('taken_at') }} as day,
        on_hand,
        reorder_point,
        case when on_hand <= reorder_point then 1 else 0 end as is_low,
        row_number() over (
            partition by coalesce(product_source, source), product_id, coalesce(location, '')
            order by taken_at desc, inventory_snapshot_id desc
        ) as place
    from {{ ref('stg_inventory_snapshots') }}
    where {{ utc_day(known_after('taken_at')) }} < {{ run_as_of_date() }}
),

recovered as (
    -- The newest count that was not low, by its place among the counts from the newest on.
    select product_source, product_id, location, min(place) as place
    from counted
    where is_low = 0
    group by product_source, product_id, location
),

low as (
    select
        counted.product_source,
        counted.product_id,
        counted.location,
        min(counted.day) as low_since,
        max(case when counted.place = 1 then counted.on_hand end) as on_hand,
        max(case when counted.place = 1 then counted.reorder_point end) as reorder_point
    from counted
    left join recovered
        on
            counted.product_source = recovered.product_source
            and counted.product_id = recovered.product_id
            and counted.location = recovered.location
    where counted.is_low = 1 and (recovered.place is null or counted.place < recovered.place)
    group by counted.product_source, counted.product_id, counted.location
),

final as (
    select
        low.product_source,
        low.product_id,
        products.name as product_name,
        low.location,
        low.on_hand,
        low.reorder_point,
        low.low_since
    from low
    left join {{ ref('stg_products') }} as products
        on low.product_source = products.source and low.product_id = products.product_id
)

select * from final
