{# What an incremental model has seen: the highest batch and the highest version of the identity in its own rows.
   Batches are numbered in the order in which they began, and a build starts after the extractions of its run. #}
{% macro last_seen() %}
    {%- if is_incremental() -%}
    select coalesce(max(_batch_id), -1) as batch_id, coalesce(max(_identity_version), -1) as identity_version
    from {{ this }}
    {%- else -%}
    select cast(-1 as {{ type_bigint() }}) as batch_id, cast(-1 as {{ type_bigint() }}) as identity_version
    {%- endif -%}
{% endmacro %}


{# What the spine has changed since a roll-up was built: the customers and days that have the events now, and those that
   had them before. `rolled` is the roll-up, whose `_version` says up to which change of the spine it goes. #}
{% macro touched_days(rolled) %}
    select events.customer_id, events.day
    from {{ ref('int_customer_events') }} as events
    where events._version > (select coalesce(max(rolled._version), -1) from {{ rolled }} as rolled)
    union
    select events.previous_customer_id as customer_id, events.previous_day as day
    from {{ ref('int_customer_events') }} as events
    where
        events._version > (select coalesce(max(rolled._version), -1) from {{ rolled }} as rolled)
        and events.previous_customer_id is not null
{% endmacro %}


{# The customers alone, and only for changes of orders. #}
{% macro touched_buyers(rolled) %}
    select events.customer_id
    from {{ ref('int_customer_events') }} as events
    where
        events.entity = 'order'
        and events._version > (select coalesce(max(rolled._version), -1) from {{ rolled }} as rolled)
    union
    select events.previous_customer_id as customer_id
    from {{ ref('int_customer_events') }} as events
    where
        events.entity = 'order'
        and events._version > (select coalesce(max(rolled._version), -1) from {{ rolled }} as rolled)
        and events.previous_customer_id is not null
{% endmacro %}
