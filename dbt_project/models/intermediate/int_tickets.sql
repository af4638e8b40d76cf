{{ config(materialized='view') }}
with tickets as (
    select * from {{ ref('stg_tickets') }}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

final as (
    select
        tickets.source,
        tickets.ticket_id,
        identity.customer_id,
        lower(trim(tickets.kind)) as kind,
        tickets.priority,
        {{ utc_day('tickets.opened_at') }} as opened_on,
        {{ utc_day(known_after('tickets.opened_at', 'tickets.known_at')) }} as known_on,
        {{ utc_day('tickets.closed_at') }} as closed_on,
        case
            when tickets.satisfaction is not null then {{ utc_day('coalesce(tickets.rated_at, tickets.closed_at)') }}
        end as rated_on
    from tickets
    inner join identity on tickets.account_source = identity.source and tickets.account_id = identity.account_id
)

select * from final
