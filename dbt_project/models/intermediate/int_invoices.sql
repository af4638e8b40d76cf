{{ config(
    materialized='incremental',
    incremental_strategy='replace_invoices',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['invoice_key'], 'unique': true}, {'columns': ['customer_id']}],
) }}
{#- The increment reads this; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_touched_invoices') %}
with invoices as (
    select source || '|' || invoice_id as invoice_key, stg_invoices.*
    from {{ ref('stg_invoices') }} as stg_invoices
    {%- if is_incremental() %}
    where (source, invoice_id) in (
        select touched.source, touched.invoice_id from {{ ref('int_touched_invoices') }} as touched
    )
    {%- endif %}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

settled as (
    -- The first day on which the payments known up to it reach the invoice's value.
    select invoices.invoice_key, min(payments.known_on) as settled_on
    from invoices
    inner join {{ ref('int_payments') }} as payments on invoices.invoice_key = payments.invoice_key
    where payments.paid_so_far >= invoices.amount
    group by invoices.invoice_key
),

final as (
    select
        invoices.invoice_key,
        invoices.source,
        invoices.invoice_id,
        identity.customer_id,
        {{ utc_day('invoices.issued_at') }} as issued_on,
        {{ utc_day(known_after('invoices.issued_at', 'invoices.known_at')) }} as known_on,
        {{ utc_day('invoices.due_at') }} as due_on,
        invoices.amount,
        settled.settled_on,
        {{ this_build() }} as _version
    from invoices
    inner join identity on invoices.account_source = identity.source and invoices.account_id = identity.account_id
    left join settled on invoices.invoice_key = settled.invoice_key
)

select * from final
