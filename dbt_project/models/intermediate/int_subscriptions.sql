{{ config(materialized='view') }}
with subscriptions as (
    select * from {{ ref('stg_subscriptions') }}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

final as (
    select
        subscriptions.source,
        subscriptions.subscription_id,
        identity.customer_id,
        subscriptions.plan,
        subscriptions.mrr,
        {{ utc_day('subscriptions.started_at') }} as started_on,
        {{ utc_day(known_after('subscriptions.started_at', 'subscriptions.known_at')) }} as known_on,
        {{ utc_day('subscriptions.renews_at') }} as renews_on,
        {{ utc_day('subscriptions.ended_at') }} as ended_on,
        -- When the end came to be known: with the cancellation, or else by the end itself.
        {{ utc_day('coalesce(subscriptions.cancelled_at, subscriptions.ended_at)') }} as end_known_on
    from subscriptions
    inner join identity
        on subscriptions.account_source = identity.source and subscriptions.account_id = identity.account_id
)

select * from final
