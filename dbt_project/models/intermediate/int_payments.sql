{{ config(
    materialized='incremental',
    incremental_strategy='replace_invoices',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['invoice_key']}],
) }}
{#- The increment reads this; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_touched_invoices') %}
with payments as (
    select
        source || '|' || invoice_id as invoice_key,
        {{ utc_day('paid_at') }} as paid_on,
        {{ utc_day(known_after('paid_at')) }} as known_on,
        sum(amount) as amount
    from {{ ref('stg_payments') }}
    where
        invoice_id is not null
        {%- if is_incremental() %}
        and (source, invoice_id) in (
            select touched.source, touched.invoice_id from {{ ref('int_touched_invoices') }} as touched
        )
        {%- endif %}
    group by source, invoice_id, {{ utc_day('paid_at') }}, {{ utc_day(known_after('paid_at')) }}
),

final as (
    select
        payments.*,
        sum(amount) over (
            partition by invoice_key order by known_on, paid_on rows between unbounded preceding and current row
        ) as paid_so_far,
        {{ this_build() }} as _version
    from payments
)

select * from final
