{{ config(materialized='view') }}
with limits as (
    select * from {{ ref('stg_credit_limits') }}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

final as (
    select
        limits.source,
        limits.credit_limit_id,
        identity.customer_id,
        limits.valid_from,
        {{ utc_day(known_after('limits.valid_from', 'limits.known_at')) }} as known_on,
        limits.amount
    from limits
    inner join identity on limits.account_source = identity.source and limits.account_id = identity.account_id
)

select * from final
