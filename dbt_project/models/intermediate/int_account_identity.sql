{{ config(
    materialized='incremental',
    incremental_strategy='replace_all',
    indexes=[{'columns': ['source', 'account_id'], 'unique': true}, {'columns': ['customer_id']}],
) }}
{#- Accounts are numbered; the number of a component is the smallest of its members'. Each round passes the smallest
    number on through shared evidence and then jumps to the number of that number, so that a chain of accounts needs
    the logarithm of its length in rounds; tests/intermediate/identity_has_converged.sql proves that they sufficed. -#}
{%- set rounds = var('identity_rounds') -%}
with accounts as (
    select source, account_id, max(has_record) as has_record
    from (
        select source, account_id, has_record from {{ ref('int_accounts') }}
        union all
        select source, account_id, 0 as has_record from {{ ref('int_account_links') }}
    ) as told
    where source is not null and account_id is not null
    group by source, account_id
),

numbered as (
    select
        accounts.*,
        row_number() over (
            order by accounts.has_record desc, accounts.source asc, accounts.account_id asc
        ) as account_number
    from accounts
),

links as (
    select
        numbered.account_number,
        link.evidence,
        link.matched_by,
        link.preference,
        link.score,
        link.grounds
    from {{ ref('int_account_links') }} as link
    inner join numbered on link.source = numbered.source and link.account_id = numbered.account_id
),

labels_0 as (
    select distinct account_number, account_number as label from links
),

{% for round in range(1, rounds + 1) %}
evidence_{{ round }} as (
    select links.evidence, min(labels.label) as label
    from links
    inner join labels_{{ round - 1 }} as labels on links.account_number = labels.account_number
    group by links.evidence
),

near_{{ round }} as (
    select links.account_number, min(evidence.label) as label
    from links
    inner join evidence_{{ round }} as evidence on links.evidence = evidence.evidence
    group by links.account_number
),

labels_{{ round }} as (
    select near.account_number, least(near.label, jump.label) as label
    from near_{{ round }} as near
    inner join near_{{ round }} as jump on near.label = jump.account_number
),

{% endfor %}
anchors as (
    select
        numbered.*,
        coalesce(labels.label, numbered.account_number) as anchor_number
    from numbered
    left join labels_{{ rounds }} as labels on numbered.account_number = labels.account_number
),

ranked_members as (
    select
        links.evidence,
        links.account_number,
        row_number() over (partition by links.evidence order by links.account_number) as place
    from links
),

partners as (
    -- The account to name in the reason: the first that shares the evidence, or the second for the first itself.
    select
        links.account_number,
        links.matched_by,
        links.score,
        links.grounds,
        partner.account_number as partner_number,
        row_number() over (
            partition by links.account_number
            order by links.preference asc, links.score desc, partner.account_number asc, links.evidence asc
        ) as place
    from links
    inner join ranked_members as partner
        on links.evidence = partner.evidence and links.account_number <> partner.account_number and partner.place <= 2
),

resolved as (
    select
        account.source,
        account.account_id,
        {{ customer_id_of('anchor.source', 'anchor.account_id') }} as customer_id,
        case
            when account.account_number = account.anchor_number then 'own_number'
            else partners.matched_by
        end as matched_by,
        case
            when account.account_number = account.anchor_number
                then
                    case account.has_record
                        when 1 then 'first record of this customer'
                        else 'known only from its events'
                    end
            else
                case partners.matched_by
                    when 'override' then 'joined by a person to '
                    when 'account_link' then 'a source links it to '
                    when 'tax_id' then 'same tax id as '
                    when 'email_domain' then 'same company e-mail domain as '
                    else 'looks like '
                end || partner.source || ' ' || partner.account_id || coalesce(': ' || partners.grounds, '')
        end as reason,
        case when account.account_number <> account.anchor_number then partners.score end as score,
        account.has_record = 1 as has_record
    from anchors as account
    inner join numbered as anchor on account.anchor_number = anchor.account_number
    left join partners on account.account_number = partners.account_number and partners.place = 1
    left join numbered as partner on partners.partner_number = partner.account_number
),

{% if is_incremental() %}
before as (
    select source, account_id, customer_id, previous_customer_id, changed_version from {{ this }}
),
{% endif %}
final as (
    select
        resolved.*,
        {%- if is_incremental() %}
        case
            -- What a build wrote that failed was never anybody's customer.
            when before.customer_id = resolved.customer_id or before.changed_version > {{ last_build().number }}
                then before.previous_customer_id
            else before.customer_id
        end as previous_customer_id,
        case
            when before.customer_id = resolved.customer_id then before.changed_version else {{ this_build() }}
        end as changed_version
        {%- else %}
        cast(null as {{ type_text() }}) as previous_customer_id,
        {{ this_build() }} as changed_version
        {%- endif %}
    from resolved
    {%- if is_incremental() %}
    left join before on resolved.source = before.source and resolved.account_id = before.account_id
    {%- endif %}
)

select * from final
