{# The records of one model as events. What a kind of event lacks is null; an event is known when its record was, but never
   before it happened. #}
{% macro event_record(part) %}
{%- set nothing = 'cast(null as ' ~ canonical_type('numeric') ~ ')' -%}
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
        {{ part.detail or 'cast(null as ' ~ type_text() ~ ')' }} as detail,
        _batch_id
    from {{ ref(part.model) }}
    where {{ part.where or '1 = 1' }}
{%- endmacro %}
