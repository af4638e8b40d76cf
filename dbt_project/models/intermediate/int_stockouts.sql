{{ config(materialized='table') }}
with counted as (
    -- An article is missing when all places together have none; one that is counted later that day is known later.
    select
        coalesce(product_source, source) as product_source,
        product_id,
        {{ utc_day('taken_at') }} as day,
        max({{ utc_day(known_after('taken_at')) }}) as known_on
    from {{ ref('stg_inventory_snapshots') }}
    group by coalesce(product_source, source), product_id, {{ utc_day('taken_at') }}
    having sum(on_hand) <= 0
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

missed as (
    select
        coalesce(backorders.product_source, backorders.source) as product_source,
        backorders.product_id,
        {{ utc_day('backorders.opened_at') }} as day,
        min({{ utc_day(known_after('backorders.opened_at', 'backorders.known_at')) }}) as known_on,
        identity.customer_id
    from {{ ref('stg_backorders') }} as backorders
    inner join identity on backorders.account_source = identity.source and backorders.account_id = identity.account_id
    group by
        coalesce(backorders.product_source, backorders.source),
        backorders.product_id,
        {{ utc_day('backorders.opened_at') }},
        identity.customer_id
),

final as (
    select product_source, product_id, day, known_on, cast(null as {{ type_text() }}) as customer_id from counted
    union all
    select product_source, product_id, day, known_on, customer_id from missed
)

select * from final
