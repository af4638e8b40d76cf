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
{#- What a kind of event lacks is null. An event is known when its record was, but never before it happened. #}
{%- set opened_or_closed = 'coalesce(closed_at, opened_at)' %}
{%- set outcome = "'opportunity_' || coalesce(lower(trim(outcome)), 'closed')" %}
{%- set days_late -%}
    case
        when delivered_at is not null
            then greatest({{ days_between(utc_day('promised_at'), utc_day('delivered_at')) }}, 0)
    end
{%- endset %}
{%- set parts = [
    {
        'entity': 'order', 'model': 'int_orders', 'id': 'order_id', 'at': 'ordered_at', 'known': 'known_at',
        'kind': "case when is_purchase then 'order' else 'order_void' end",
        'amount': 'amount', 'discount_amount': 'discount_amount', 'detail': 'status',
    },
    {
        'entity': 'order_cancellation', 'model': 'int_orders', 'id': 'order_id', 'at': 'ordered_at',
        'known': 'cancelled_at', 'where': 'is_purchase and cancelled_at is not null',
        'amount': '-amount', 'discount_amount': '-discount_amount', 'detail': 'status',
    },
    {
        'entity': 'return', 'model': 'stg_returns', 'id': 'return_id', 'at': 'returned_at', 'amount': 'abs(amount)',
        'detail': 'reason',
    },
    {
        'entity': 'backorder', 'model': 'stg_backorders', 'id': 'backorder_id', 'at': 'opened_at',
        'quantity': 'quantity', 'detail': 'product_id',
    },
    {
        'entity': 'shipment_due', 'model': 'stg_shipments', 'id': 'shipment_id', 'at': 'promised_at',
        'known': 'greatest(' ~ known_after('shipped_at') ~ ', promised_at)', 'where': 'promised_at is not null',
        'quantity': days_late,
        'detail': 'carrier',
    },
    {
        'entity': 'ticket', 'model': 'stg_tickets', 'id': 'ticket_id', 'at': 'opened_at', 'detail': 'priority',
        'kind': "case when lower(trim(kind)) = 'complaint' then 'complaint' else 'ticket' end",
    },
    {
        'entity': 'ticket_rating', 'model': 'stg_tickets', 'id': 'ticket_id', 'at': opened_or_closed,
        'known': 'greatest(' ~ known_after(opened_or_closed) ~ ', coalesce(rated_at, opened_at))',
        'where': 'satisfaction is not null', 'quantity': 'satisfaction',
    },
    {
        'entity': 'interaction', 'model': 'stg_interactions', 'id': 'interaction_id', 'at': 'occurred_at',
        'detail': 'kind',
    },
    {
        'entity': 'lead_converted', 'model': 'stg_leads', 'id': 'lead_id', 'at': 'converted_at',
        'where': 'converted_at is not null and account_id is not null', 'detail': 'channel',
    },
    {
        'entity': 'opportunity', 'model': 'stg_opportunities', 'id': 'opportunity_id', 'at': 'opened_at',
        'amount': 'amount', 'detail': 'stage',
    },
    {
        'entity': 'opportunity_closed', 'model': 'stg_opportunities', 'id': 'opportunity_id', 'at': 'closed_at',
        'where': 'closed_at is not null', 'kind': outcome, 'amount': 'amount', 'detail': 'stage',
    },
    {
        'entity': 'marketing_event', 'model': 'stg_marketing_events', 'id': 'marketing_event_id', 'at': 'occurred_at',
        'kind': "'marketing_' || lower(trim(kind))", 'detail': 'campaign_id',
    },
    {
        'entity': 'survey_response', 'model': 'stg_survey_responses', 'id': 'survey_response_id', 'at': 'answered_at',
        'kind': "'survey_' || lower(trim(kind))", 'quantity': 'score',
    },
    {
        'entity': 'review', 'model': 'stg_reviews', 'id': 'review_id', 'at': 'posted_at', 'quantity': 'rating',
        'where': 'account_id is not null', 'detail': 'site',
    },
    {
        'entity': 'mention', 'model': 'stg_mentions', 'id': 'mention_id', 'at': 'posted_at',
        'where': 'account_id is not null', 'detail': 'channel',
    },
    {
        'entity': 'usage_event', 'model': 'stg_usage_events', 'id': 'usage_event_id', 'at': 'occurred_at',
        'kind': "'usage'", 'quantity': 'coalesce(events, 1)', 'active_users': 'active_users', 'detail': 'feature',
    },
    {
        'entity': 'subscription', 'model': 'stg_subscriptions', 'id': 'subscription_id', 'at': 'started_at',
        'known': 'started_at', 'kind': "'subscription_started'", 'amount': 'mrr', 'quantity': 'seats', 'detail': 'plan',
    },
    {'entity': 'invoice', 'model': 'stg_invoices', 'id': 'invoice_id', 'at': 'issued_at', 'amount': 'amount'},
    {
        'entity': 'payment', 'model': 'stg_payments', 'id': 'payment_id', 'at': 'paid_at', 'amount': 'amount',
        'detail': 'invoice_id',
    },
    {
        'entity': 'dispute', 'model': 'stg_disputes', 'id': 'dispute_id', 'at': 'opened_at', 'amount': 'amount',
        'detail': 'invoice_id',
    },
    {
        'entity': 'credit_limit', 'model': 'stg_credit_limits', 'id': 'credit_limit_id', 'at': 'valid_from',
        'amount': 'amount',
    },
] -%}
{%- set nothing = 'cast(null as ' ~ canonical_type('numeric') ~ ')' %}
{%- set no_text = 'cast(null as ' ~ type_text() ~ ')' -%}
with identity as (
    select source, account_id, customer_id, changed_version from {{ ref('int_account_identity') }}
),

united as (
    {%- for part in parts %}
    select
        '{{ part.entity }}' as entity,
        source,
        {{ part.id }} as source_record_id,
        account_source,
        account_id,
        {{ part.kind or "'" ~ part.entity ~ "'" }} as kind,
        {{ part.at }} as occurred_at,
        {{ part.known or known_after(part.at) }} as known_at,
        {{ part.amount or nothing }} as amount,
        {{ part.discount_amount or nothing }} as discount_amount,
        {{ part.quantity or nothing }} as quantity,
        {{ part.active_users or nothing }} as active_users,
        {{ part.detail or no_text }} as detail,
        _batch_id
    from {{ ref(part.model) }}
    {{ 'where ' ~ part.where if part.where }}
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
    {%- for part in parts %}
    select '{{ part.entity }}' as entity, source, {{ part.id }} as source_record_id
    from {{ ref(part.model) }}
    {{ 'where ' ~ part.where if part.where }}
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
