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
{#- The increment reads these; dbt does not see it in a branch that is not taken. -#}
{%- do ref('int_touched_orders') %}
{%- do ref('int_past_records') %}
{%- do ref('stg_order_lines') %}
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
        'amount': 'amount - coalesce(late_amount, 0)',
        'discount_amount': 'discount_amount - coalesce(late_discount_amount, 0)', 'detail': 'status',
    },
    {
        'entity': 'order_line', 'model': 'int_late_lines', 'id': 'order_line_id', 'at': 'ordered_at',
        'known': 'known_at', 'kind': "'order_addition'", 'amount': 'amount', 'discount_amount': 'discount_amount',
        'detail': 'status',
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
        'entity': 'shipment_due', 'of': 'shipment', 'model': 'stg_shipments', 'id': 'shipment_id', 'at': 'promised_at',
        'known': 'greatest(' ~ known_after('shipped_at') ~ ', promised_at)', 'where': 'promised_at is not null',
        'quantity': days_late,
        'detail': 'carrier',
    },
    {
        'entity': 'ticket', 'model': 'stg_tickets', 'id': 'ticket_id', 'at': 'opened_at', 'detail': 'priority',
        'kind': "case when lower(trim(kind)) = 'complaint' then 'complaint' else 'ticket' end",
    },
    {
        'entity': 'ticket_rating', 'of': 'ticket', 'model': 'stg_tickets', 'id': 'ticket_id', 'at': opened_or_closed,
        'known': 'greatest(' ~ known_after(opened_or_closed) ~ ', coalesce(rated_at, opened_at))',
        'where': 'satisfaction is not null', 'quantity': 'satisfaction',
    },
    {
        'entity': 'interaction', 'model': 'stg_interactions', 'id': 'interaction_id', 'at': 'occurred_at',
        'kind': "case when lower(trim(topic)) = 'discount' then 'discount_request' else 'interaction' end",
        'detail': 'kind',
    },
    {
        'entity': 'owner_assignment', 'model': 'stg_owner_assignments', 'id': 'owner_assignment_id', 'at': 'assigned_at',
        'detail': 'owner_id',
    },
    {
        'entity': 'lead_converted', 'of': 'lead', 'model': 'stg_leads', 'id': 'lead_id', 'at': 'converted_at',
        'where': 'converted_at is not null and account_id is not null', 'detail': 'channel',
    },
    {
        'entity': 'opportunity', 'model': 'stg_opportunities', 'id': 'opportunity_id', 'at': 'opened_at',
        'amount': 'amount', 'detail': 'stage',
    },
    {
        'entity': 'opportunity_closed', 'of': 'opportunity', 'model': 'stg_opportunities', 'id': 'opportunity_id', 'at': 'closed_at',
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
        'kind': "'subscription_started'", 'amount': 'mrr', 'quantity': 'seats', 'detail': 'plan',
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
{%- set since = last_build() -%}
with identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

new_records as (
    {%- for part in parts %}
    {{ event_record(part) }}
    {%- if is_incremental() and part.model in ('int_orders', 'int_late_lines') %}
        and _version > {{ since.number }}
    {%- elif is_incremental() %}
        and _batch_id > {{ since.batch_id }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

{% if is_incremental() %}
past as (
    -- What may have gone: everything that a changed or removed row told before.
    {%- for part in parts %}
    {%- if part.model == 'int_orders' %}
    select '{{ part.entity }}' as entity, source, order_id as source_record_id
    from {{ ref('int_touched_orders') }}
    {%- elif part.model == 'int_late_lines' %}
    select 'order_line' as entity, lines.source, lines.order_line_id as source_record_id
    from {{ ref('int_touched_orders') }} as touched
    inner join {{ ref('stg_order_lines') }} as lines
        on touched.source = lines.source and touched.order_id = lines.order_id
    where lines.known_at is not null
    union
    select 'order_line' as entity, source, record_id as source_record_id
    from {{ ref('int_past_records') }}
    where entity = 'order_line'
    {%- else %}
    select distinct '{{ part.entity }}' as entity, source, record_id as source_record_id
    from {{ ref('int_past_records') }}
    where entity = '{{ part.of or part.entity }}'
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

doubtful as (
    select past.entity, past.source, past.source_record_id
    from past
    left join new_records
        on
            past.entity = new_records.entity
            and past.source = new_records.source
            and past.source_record_id = new_records.source_record_id
    where new_records.entity is null
),

records as (
    select * from new_records
    {%- for part in parts if part.model != 'int_orders' %}
    union all
    {{ event_record(part) }}
        and (source, {{ part.id }}) in (
            select doubtful.source, doubtful.source_record_id from doubtful where doubtful.entity = '{{ part.entity }}'
        )
    {%- endfor %}
),
{% else %}
records as (
    select * from new_records
),
{% endif %}
changed as (
    select
        records.*,
        records.entity || '|' || records.source || '|' || records.source_record_id as event_key,
        identity.customer_id,
        {{ utc_day('records.occurred_at') }} as day,
        {{ utc_day('records.known_at') }} as known_day
    from records
    inner join identity on records.account_source = identity.source and records.account_id = identity.account_id
),

{% if is_incremental() %}
-- A record that its source no longer has stays as a mark, from which the roll-up learns whom it concerned.
gone as (
    select before.*
    from {{ this }} as before
    inner join past on before.event_key = past.entity || '|' || past.source || '|' || past.source_record_id
    left join changed on before.event_key = changed.event_key
    where before.kind <> 'removed' and changed.event_key is null
),

moved_accounts as (
    {{ moved_accounts() }}
),

moved as (
    select before.*, moved_accounts.customer_id as new_customer_id
    from moved_accounts
    inner join {{ this }} as before
        on
            before.account_source = moved_accounts.source
            and before.account_id = moved_accounts.account_id
            and (
                before.customer_id = moved_accounts.previous_customer_id or before._version > {{ since.number }}
            )
    left join changed on before.event_key = changed.event_key
    left join gone on before.event_key = gone.event_key
    where before.kind <> 'removed' and changed.event_key is null and gone.event_key is null
),

{% set columns = ['event_key', 'entity', 'source', 'source_record_id', 'account_source', 'account_id', 'occurred_at',
    'known_at', 'day', 'known_day', '_batch_id'] -%}
{%- set figures = ['amount', 'discount_amount', 'quantity', 'active_users'] -%}
written as (
    {%- for relation, customer, kind in [
        ('changed', 'customer_id', 'kind'), ('moved', 'new_customer_id', 'kind'), ('gone', 'customer_id', "'removed'"),
    ] %}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        {{ customer }} as customer_id,
        {{ kind }} as kind,
        {%- for figure in figures %}
        {{ nothing if relation == 'gone' else figure }} as {{ figure }},
        {%- endfor %}
        {{ no_text if relation == 'gone' else 'detail' }} as detail
    from {{ relation }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
{% else %}
written as (
    select * from changed
),
{% endif %}
final as (
    select
        written.event_key,
        written.entity,
        written.customer_id,
        written.kind,
        written.occurred_at,
        written.known_at,
        written.day,
        written.known_day,
        written.amount,
        written.discount_amount,
        written.quantity,
        written.active_users,
        written.detail,
        written.source,
        written.source_record_id,
        written.account_source,
        written.account_id,
        written._batch_id,
        {%- if is_incremental() %}
        -- What a build wrote that failed counts for nothing: the roll-up goes by the state before it.
        {%- for column in ['customer_id', 'day'] %}
        case
            when before._version > {{ since.number }} then before.previous_{{ column }}
            when before.kind <> 'removed' then before.{{ column }}
        end as previous_{{ column }},
        {%- endfor %}
        {%- else %}
        cast(null as {{ type_text() }}) as previous_customer_id,
        cast(null as date) as previous_day,
        {%- endif %}
        {{ this_build() }} as _version
    from written
    {%- if is_incremental() %}
    left join {{ this }} as before on written.event_key = before.event_key
    {%- endif %}
)

select * from final
