{{ config(
    materialized='table',
    indexes=[{'columns': ['source', 'account_id']}, {'columns': ['evidence']}],
) }}
{#- Evidence is (source, account_id, matched_by, value): accounts that share a value are one customer. -#}
with accounts as (
    select
        source,
        account_id,
        {{ letters_and_digits('tax_id') }} as tax_id,
        lower(coalesce(nullif(trim(email_domain), ''), nullif(trim(split_part(email, '@', 2)), ''))) as email_domain
    from {{ ref('stg_accounts') }}
),

overrides as (
    select source, account_id, action, other_source, other_account_id
    from {{ source('identity', 'decision') }}
    where undone_at is null
),

stated as (
    select
        source,
        account_id,
        linked_source as other_source,
        linked_account_id as other_account_id,
        'account_link' as matched_by
    from {{ ref('stg_account_links') }}
    union all
    select source, account_id, other_source, other_account_id, 'override' as matched_by
    from overrides
    where action = 'join'
),

stated_pairs as (
    select
        stated.*,
        stated.source || '|' || stated.account_id || '>'
        || stated.other_source || '|' || stated.other_account_id as pair
    from stated
),

tax_ids as (
    -- A value of one repeated character (000000000, xxxxx) stands for "none".
    select source, account_id, 'tax_id' as matched_by, tax_id as value
    from accounts
    where length(tax_id) >= 5 and replace(tax_id, substring(tax_id, 1, 1), '') <> ''
),

domains as (
    select accounts.source, accounts.account_id, 'email_domain' as matched_by, accounts.email_domain as value
    from accounts
    left join {{ ref('freemail_domains') }} as freemail on accounts.email_domain = freemail.domain
    where accounts.email_domain is not null and freemail.domain is null
),

evidence as (
    select source, account_id, matched_by, value from tax_ids
    union
    select source, account_id, matched_by, value from domains
    union
    select source, account_id, matched_by, pair as value from stated_pairs
    union
    select other_source as source, other_account_id as account_id, matched_by, pair as value from stated_pairs
),

allowed as (
    -- An account that somebody has set apart keeps only what an override says of it.
    select evidence.*
    from evidence
    left join overrides
        on evidence.source = overrides.source
        and evidence.account_id = overrides.account_id
        and overrides.action = 'separate'
        and evidence.matched_by <> 'override'
    where overrides.source is null
),

counted as (
    select allowed.*, count(*) over (partition by matched_by, value) as accounts_sharing from allowed
),

final as (
    select
        source,
        account_id,
        matched_by,
        -- The value itself may be personal; its digest links as well.
        md5(matched_by || '|' || value) as evidence,
        case matched_by when 'override' then 1 when 'account_link' then 2 when 'tax_id' then 3 else 4 end as preference,
        cast(1 as {{ type_double() }}) as score,
        cast(null as {{ type_text() }}) as grounds
    from counted
    where
        accounts_sharing >= 2
        and (accounts_sharing <= {{ var('identity_shared_limit') }} or matched_by in ('override', 'account_link'))
)

select * from final
