{{ config(indexes=[{'columns': ['invoice_key']}]) }}
with payments as (
    select
        source || '|' || invoice_id as invoice_key,
        {{ utc_day('paid_at') }} as paid_on,
        {{ utc_day(known_after('paid_at')) }} as known_on,
        sum(amount) as amount
    from {{ ref('stg_payments') }}
    where invoice_id is not null
    group by source, invoice_id, {{ utc_day('paid_at') }}, {{ utc_day(known_after('paid_at')) }}
),

final as (
    select
        payments.*,
        sum(amount) over (
            partition by invoice_key order by known_on, paid_on rows between unbounded preceding and current row
        ) as paid_so_far
    from payments
)

select * from final
