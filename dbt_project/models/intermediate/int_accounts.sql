{{ config(
    materialized='incremental',
    incremental_strategy='replace_accounts',
    indexes=[{'columns': ['source', 'account_id'], 'unique': true}],
) }}
{#- The increment reads these; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_past_records') %}
{%- set since = last_build() %}
{%- set referring = ['stg_contacts', 'stg_orders', 'stg_returns', 'stg_subscriptions', 'stg_invoices', 'stg_payments',
    'stg_disputes', 'stg_credit_limits', 'stg_tickets', 'stg_interactions', 'stg_owner_assignments', 'stg_leads',
    'stg_opportunities', 'stg_shipments', 'stg_backorders', 'stg_marketing_events', 'stg_usage_events',
    'stg_survey_responses', 'stg_reviews', 'stg_mentions'] -%}
with records as (
    select distinct source, account_id from {{ ref('stg_accounts') }}
),

new_references as (
    {%- for model in referring %}
    select account_source as source, account_id
    from {{ ref(model) }}
    where _batch_id > {{ since.batch_id }}
    {{ 'union' if not loop.last }}
    {%- endfor %}
),

{% if is_incremental() %}
past as (
    select distinct account_source as source, account_id
    from {{ ref('int_past_records') }}
    where account_id is not null
),

doubtful as (
    -- Accounts that neither a record nor anything new speaks of: whether anything old does must be looked for.
    select past.source, past.account_id
    from past
    left join records on past.source = records.source and past.account_id = records.account_id
    left join new_references
        on past.source = new_references.source and past.account_id = new_references.account_id
    where records.account_id is null and new_references.account_id is null
),

old_references as (
    {%- for model in referring %}
    select account_source as source, account_id
    from {{ ref(model) }}
    where (account_source, account_id) in (select doubtful.source, doubtful.account_id from doubtful)
    {{ 'union' if not loop.last }}
    {%- endfor %}
),

new_records as (
    select source, account_id from {{ ref('stg_accounts') }} where _batch_id > {{ since.batch_id }}
),

referred as (
    select source, account_id from new_references
    union
    select source, account_id from old_references
    union
    select source, account_id from new_records
    union
    select past.source, past.account_id
    from past
    inner join records on past.source = records.source and past.account_id = records.account_id
),
{% else %}
referred as (
    select source, account_id from new_references
    union
    select source, account_id from records
),
{% endif %}
final as (
    select
        referred.source,
        referred.account_id,
        case when records.account_id is null then 0 else 1 end as has_record,
        {{ this_build() }} as _version
    from referred
    left join records
        on referred.source = records.source and referred.account_id = records.account_id
    where referred.source is not null and referred.account_id is not null
)

select * from final
