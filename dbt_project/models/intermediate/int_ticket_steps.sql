{{ config(materialized='view') }}
with steps as (
    select * from {{ ref('stg_ticket_status_changes') }}
),

tickets as (
    select * from {{ ref('stg_tickets') }}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

final as (
    select
        steps.source,
        steps.ticket_status_change_id,
        steps.ticket_id,
        identity.customer_id,
        lower(trim(steps.status)) as status,
        {{ utc_day('tickets.opened_at') }} as opened_on,
        {{ utc_day('steps.changed_at') }} as day,
        -- A step tells of its ticket as well, and is not known before it.
        {{ utc_day('greatest(' ~ known_after('steps.changed_at', 'steps.known_at') ~ ', '
            ~ known_after('tickets.opened_at', 'tickets.known_at') ~ ')') }} as known_on,
        greatest({{ seconds_between('tickets.opened_at', 'steps.changed_at') }}, 0) as seconds
    from steps
    inner join tickets on steps.source = tickets.source and steps.ticket_id = tickets.ticket_id
    inner join identity on tickets.account_source = identity.source and tickets.account_id = identity.account_id
)

select * from final
