{{ config(indexes=[{'columns': ['lead_key'], 'unique': true}, {'columns': ['customer_id']}]) }}
with campaigns as (
    -- Leads name campaigns of another system by its numbers: those of their own come first.
    select source, campaign_id, name, count(*) over (partition by campaign_id) as told_by
    from {{ ref('stg_campaigns') }}
),

told as (
    select
        leads.source,
        leads.lead_id,
        leads.created_at,
        lower(nullif(trim(leads.channel), '')) as channel,
        leads.campaign_id,
        campaigns.name as campaign_name,
        nullif(trim(leads.name), '') as name,
        lower(nullif(trim(leads.email), '')) as email,
        leads.converted_at,
        identity.customer_id
    from {{ ref('stg_leads') }} as leads
    left join {{ ref('int_account_identity') }} as identity
        on leads.account_source = identity.source and leads.account_id = identity.account_id
    left join campaigns
        on
            leads.campaign_id = campaigns.campaign_id
            and (leads.source = campaigns.source or campaigns.told_by = 1)
),

known as (
    -- One of an address may have become a customer while another stayed open.
    select
        told.*,
        coalesce(
            told.customer_id,
            case when told.email is not null then min(told.customer_id) over (partition by told.email) end
        ) as owner_id
    from told
),

keyed as (
    select
        known.*,
        md5(coalesce('customer|' || owner_id, 'email|' || email, 'lead|' || source || '|' || lead_id)) as lead_key
    from known
),

ranked as (
    select
        keyed.*,
        row_number() over (partition by lead_key order by created_at, source, lead_id) as from_first,
        row_number() over (partition by lead_key order by created_at desc, source desc, lead_id desc) as from_last
    from keyed
),

final as (
    select
        lead_key,
        max(owner_id) as customer_id,
        max(case when from_last = 1 then email end) as email,
        max(case when from_last = 1 then name end) as name,
        max(case when from_first = 1 then channel end) as first_channel,
        max(case when from_first = 1 then campaign_id end) as first_campaign_id,
        max(case when from_first = 1 then campaign_name end) as first_campaign_name,
        min(created_at) as first_at,
        max(case when from_last = 1 then channel end) as last_channel,
        max(case when from_last = 1 then campaign_id end) as last_campaign_id,
        max(case when from_last = 1 then campaign_name end) as last_campaign_name,
        max(created_at) as last_at,
        cast(count(*) as integer) as lead_count,
        cast(count(distinct channel) as integer) as channel_count,
        min(converted_at) as converted_at
    from ranked
    group by lead_key
)

select * from final
