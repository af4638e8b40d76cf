{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='event_key',
    on_schema_change='append_new_columns',
    indexes=[
        {'columns': ['event_key'], 'unique': true},
        {'columns': ['customer_id', 'day']},
        {'columns': ['_version']},
    ],
) }}
{#- Each part names its columns; what a kind of event lacks is null. -#}
with orders as (
    select
        'order' as entity,
        source,
        order_id as source_record_id,
        account_source,
        account_id,
        case when is_purchase then 'order' else 'order_void' end as kind,
        ordered_at as occurred_at,
        known_at,
        amount,
        discount_amount,
        cast(null as {{ canonical_type('numeric') }}) as quantity,
        cast(null as {{ canonical_type('numeric') }}) as active_users,
        status as detail,
        _batch_id
    from {{ ref('int_orders') }}
),

{%- set nothing = 'cast(null as ' ~ canonical_type('numeric') ~ ')' %}
{%- set no_text = 'cast(null as ' ~ type_text() ~ ')' %}

order_cancellations as (
    -- Takes back, from the day on which it is known, what the order has added to its own day.
    select
        'order_cancellation' as entity, source, order_id as source_record_id, account_source, account_id,
        'order_cancellation' as kind, ordered_at as occurred_at, cancelled_at as known_at, -amount as amount,
        -discount_amount as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        status as detail, _batch_id
    from {{ ref('int_orders') }}
    where is_purchase and cancelled_at is not null
),

returns as (
    select
        'return' as entity, source, return_id as source_record_id, account_source, account_id,
        'return' as kind, returned_at as occurred_at, {{ known_after('returned_at') }} as known_at,
        abs(amount) as amount,
        {{ nothing }} as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        reason as detail, _batch_id
    from {{ ref('stg_returns') }}
),

tickets as (
    select
        'ticket' as entity, source, ticket_id as source_record_id, account_source, account_id,
        case when lower(trim(kind)) = 'complaint' then 'complaint' else 'ticket' end as kind,
        opened_at as occurred_at, {{ known_after('opened_at') }} as known_at, {{ nothing }} as amount,
        {{ nothing }} as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        priority as detail, _batch_id
    from {{ ref('stg_tickets') }}
),

ratings as (
    select
        'ticket_rating' as entity, source, ticket_id as source_record_id, account_source, account_id,
        'ticket_rating' as kind, coalesce(closed_at, opened_at) as occurred_at,
        greatest(
            {{ known_after('coalesce(closed_at, opened_at)') }}, coalesce(rated_at, opened_at)
        ) as known_at, {{ nothing }} as amount,
        {{ nothing }} as discount_amount, satisfaction as quantity, {{ nothing }} as active_users,
        {{ no_text }} as detail, _batch_id
    from {{ ref('stg_tickets') }}
    where satisfaction is not null
),

interactions as (
    select
        'interaction' as entity, source, interaction_id as source_record_id, account_source, account_id,
        'interaction' as kind, occurred_at, {{ known_after('occurred_at') }} as known_at, {{ nothing }} as amount,
        {{ nothing }} as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        kind as detail, _batch_id
    from {{ ref('stg_interactions') }}
),

marketing_events as (
    select
        'marketing_event' as entity, source, marketing_event_id as source_record_id, account_source, account_id,
        'marketing_' || lower(trim(kind)) as kind, occurred_at, {{ known_after('occurred_at') }} as known_at,
        {{ nothing }} as amount,
        {{ nothing }} as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        campaign_id as detail, _batch_id
    from {{ ref('stg_marketing_events') }}
),

usage_events as (
    select
        'usage_event' as entity, source, usage_event_id as source_record_id, account_source, account_id,
        'usage' as kind, occurred_at, {{ known_after('occurred_at') }} as known_at, {{ nothing }} as amount,
        {{ nothing }} as discount_amount, coalesce(events, 1) as quantity, active_users,
        feature as detail, _batch_id
    from {{ ref('stg_usage_events') }}
),

subscriptions as (
    select
        'subscription' as entity, source, subscription_id as source_record_id, account_source, account_id,
        'subscription_started' as kind, started_at as occurred_at, started_at as known_at, mrr as amount,
        {{ nothing }} as discount_amount, seats as quantity, {{ nothing }} as active_users,
        plan as detail, _batch_id
    from {{ ref('stg_subscriptions') }}
),

invoices as (
    select
        'invoice' as entity, source, invoice_id as source_record_id, account_source, account_id,
        'invoice' as kind, issued_at as occurred_at, {{ known_after('issued_at') }} as known_at, amount,
        {{ nothing }} as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        {{ no_text }} as detail, _batch_id
    from {{ ref('stg_invoices') }}
),

payments as (
    select
        'payment' as entity, source, payment_id as source_record_id, account_source, account_id,
        'payment' as kind, paid_at as occurred_at, {{ known_after('paid_at') }} as known_at, amount,
        {{ nothing }} as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        invoice_id as detail, _batch_id
    from {{ ref('stg_payments') }}
),

disputes as (
    select
        'dispute' as entity, source, dispute_id as source_record_id, account_source, account_id,
        'dispute' as kind, opened_at as occurred_at, {{ known_after('opened_at') }} as known_at, amount,
        {{ nothing }} as discount_amount, {{ nothing }} as quantity, {{ nothing }} as active_users,
        invoice_id as detail, _batch_id
    from {{ ref('stg_disputes') }}
),

identity as (
    select source, account_id, customer_id, changed_version from {{ ref('int_account_identity') }}
),

united as (
    {%- for part in ['orders', 'order_cancellations', 'returns', 'tickets', 'ratings', 'interactions',
        'marketing_events', 'usage_events', 'subscriptions', 'invoices', 'payments', 'disputes'] %}
    select * from {{ part }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

seen as (
    {{ last_seen() }}
),

changed as (
    select
        united.*,
        united.entity || '|' || united.source || '|' || united.source_record_id as event_key,
        identity.customer_id,
        identity.changed_version as _identity_version,
        {{ utc_day('united.occurred_at') }} as day
    from united
    inner join identity on united.account_source = identity.source and united.account_id = identity.account_id
    cross join seen
    where united._batch_id > seen.batch_id or identity.changed_version > seen.identity_version
),

{% if is_incremental() %}
before as (
    select * from {{ this }} where kind <> 'removed'
),

newest as (
    select coalesce(max(_version), 0) as version from {{ this }}
),

present as (
    {%- set conditions = {
        'order_cancellation': 'is_purchase and cancelled_at is not null',
        'ticket_rating': 'satisfaction is not null',
    } %}
    {%- for entity, model, number in [
        ('order', 'int_orders', 'order_id'),
        ('order_cancellation', 'int_orders', 'order_id'),
        ('return', 'stg_returns', 'return_id'),
        ('ticket', 'stg_tickets', 'ticket_id'),
        ('ticket_rating', 'stg_tickets', 'ticket_id'),
        ('interaction', 'stg_interactions', 'interaction_id'),
        ('marketing_event', 'stg_marketing_events', 'marketing_event_id'),
        ('usage_event', 'stg_usage_events', 'usage_event_id'),
        ('subscription', 'stg_subscriptions', 'subscription_id'),
        ('invoice', 'stg_invoices', 'invoice_id'),
        ('payment', 'stg_payments', 'payment_id'),
        ('dispute', 'stg_disputes', 'dispute_id'),
    ] %}
    select '{{ entity }}' as entity, source, {{ number }} as source_record_id
    from {{ ref(model) }}
    {{ 'where ' ~ conditions[entity] if entity in conditions }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

missing as (
    -- Counting is much cheaper than comparing; only when the sums do not agree is there anything to look for.
    select
        (select count(*) from before)
        + (
            select count(*)
            from changed
            left join before on changed.event_key = before.event_key
            where before.event_key is null
        )
        - (select count(*) from present) as records
),

gone as (
    -- A record that its source no longer has stays as a mark, from which the roll-ups learn whom it concerned.
    select before.*
    from before
    left join present
        on
            before.entity = present.entity
            and before.source = present.source
            and before.source_record_id = present.source_record_id
    where present.entity is null and (select missing.records from missing) > 0
),
{% endif %}
final as (
    select
        changed.event_key,
        changed.entity,
        changed.customer_id,
        changed.kind,
        changed.occurred_at,
        changed.known_at,
        changed.day,
        {{ utc_day('changed.known_at') }} as known_day,
        changed.amount,
        changed.discount_amount,
        changed.quantity,
        changed.active_users,
        changed.detail,
        changed.source,
        changed.source_record_id,
        changed._batch_id,
        changed._identity_version,
        {%- if is_incremental() %}
        before.customer_id as previous_customer_id,
        before.day as previous_day,
        newest.version + 1 as _version
        {%- else %}
        cast(null as {{ type_text() }}) as previous_customer_id,
        cast(null as date) as previous_day,
        cast(1 as {{ type_bigint() }}) as _version
        {%- endif %}
    from changed
    {%- if is_incremental() %}
    cross join newest
    left join before on changed.event_key = before.event_key
    union all
    select
        gone.event_key,
        gone.entity,
        gone.customer_id,
        'removed' as kind,
        gone.occurred_at,
        gone.known_at,
        gone.day,
        gone.known_day,
        {{ nothing }} as amount,
        {{ nothing }} as discount_amount,
        {{ nothing }} as quantity,
        {{ nothing }} as active_users,
        {{ no_text }} as detail,
        gone.source,
        gone.source_record_id,
        gone._batch_id,
        gone._identity_version,
        {{ no_text }} as previous_customer_id,
        cast(null as date) as previous_day,
        newest.version + 1 as _version
    from gone
    cross join newest
    {%- endif %}
)

select * from final
