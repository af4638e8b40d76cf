with evidence as (
    select source, account_id, matched_by, evidence, preference, score, grounds from {{ ref('stg_account_evidence') }}
),

apart as (
    select distinct source, account_id
    from {{ source('identity', 'decision') }}
    where action = 'separate' and undone_at is null
),

likenesses as (
    select
        link.source,
        link.account_id,
        link.other_source,
        link.other_account_id,
        link.probability,
        link.grounds,
        md5(
            'likeness|' || link.source || '|' || link.account_id || '>' || link.other_source || '|'
            || link.other_account_id
        ) as evidence
    from {{ source('identity', 'link') }} as link
    left join apart on link.source = apart.source and link.account_id = apart.account_id
    left join apart as other_apart
        on link.other_source = other_apart.source and link.other_account_id = other_apart.account_id
    where link.state = 'linked' and apart.source is null and other_apart.source is null
),

final as (
    select source, account_id, matched_by, evidence, preference, score, grounds from evidence
    union all
    select
        source,
        account_id,
        'likeness' as matched_by,
        evidence,
        5 as preference,
        probability as score,
        grounds
    from likenesses
    union all
    select
        other_source as source,
        other_account_id as account_id,
        'likeness' as matched_by,
        evidence,
        5 as preference,
        probability as score,
        grounds
    from likenesses
)

select * from final
