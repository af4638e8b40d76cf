{{ config(indexes=[{'columns': ['invoice_key'], 'unique': true}]) }}
{#- Written anew by each build; a build from nothing does not need it. -#}
{%- set since = last_build(from_nothing=flags.FULL_REFRESH) -%}
with touched as (
    select source, invoice_id from {{ ref('stg_invoices') }} where _batch_id > {{ since.batch_id }}
    union
    select source, invoice_id from {{ ref('stg_payments') }} where _batch_id > {{ since.batch_id }}
    union
    select source, record_id as invoice_id from {{ ref('int_past_records') }} where entity = 'invoice'
    union
    select source, parent_id as invoice_id from {{ ref('int_past_records') }} where entity = 'payment'
    union
    select invoices.source, invoices.invoice_id
    from {{ ref('stg_invoices') }} as invoices
    inner join {{ ref('int_account_identity') }} as moved
        on invoices.account_source = moved.source and invoices.account_id = moved.account_id
    where moved.changed_version > {{ since.number }}
),

final as (
    select source || '|' || invoice_id as invoice_key, source, invoice_id
    from touched
    where invoice_id is not null and 1 = {{ 0 if flags.FULL_REFRESH else 1 }}
)

select * from final
