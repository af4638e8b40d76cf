{{ config(materialized='view') }}
with versions as (
    select * from {{ ref('subscription_versions') }}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

final as (
    select
        versions.source,
        versions.subscription_id,
        versions.valid_from,
        versions.valid_to,
        identity.customer_id,
        versions.plan,
        versions.mrr,
        {{ utc_day('versions.started_at') }} as started_on,
        {{ utc_day('versions.renews_at') }} as renews_on,
        {{ utc_day('versions.ended_at') }} as ended_on,
        {{ utc_day('coalesce(versions.cancelled_at, versions.ended_at)') }} as end_known_on
    from versions
    inner join identity on versions.account_source = identity.source and versions.account_id = identity.account_id
)

select * from final
