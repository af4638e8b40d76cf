{{ config(materialized='table') }}
with places as (
    select
        coalesce(product_source, source) as product_source,
        product_id,
        {{ utc_day('taken_at') }} as day,
        {{ utc_day(known_after('taken_at')) }} as known_on,
        sum(on_hand) as on_hand
    from {{ ref('stg_inventory_snapshots') }}
    group by
        coalesce(product_source, source), product_id, {{ utc_day('taken_at') }}, {{ utc_day(known_after('taken_at')) }}
),

counted as (
    -- All places together, as far as was known: what another place had may come to be known later.
    select
        product_source,
        product_id,
        day,
        known_on,
        lead(known_on) over (partition by product_source, product_id, day order by known_on) as known_until,
        sum(on_hand) over (partition by product_source, product_id, day order by known_on) as on_hand
    from places
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
    select product_source, product_id, day, known_on, known_until, cast(null as {{ type_text() }}) as customer_id
    from counted
    where on_hand <= 0
    union all
    select product_source, product_id, day, known_on, cast(null as date) as known_until, customer_id
    from missed
)

select * from final
