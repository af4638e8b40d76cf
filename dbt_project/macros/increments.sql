{# What the last whole build of the intermediate layer had seen: its number, and the newest batch; and the newest batch whose
   rows the staging layer has tested. A model that is built
   from nothing has seen nothing. A build that fails counts for nothing: the next one looks at the same rows again. #}
{% macro last_build(from_nothing=none) %}
    {%- if execute and not (from_nothing if from_nothing is not none else not is_incremental()) -%}
        {%- set row = run_query('select build_number, batch_id, tested_batch_id from ' ~ source('ops', 'warehouse_build')).rows[0] -%}
        {{ return({'number': row[0] | int, 'batch_id': row[1] | int, 'tested_batch_id': row[2] | int}) }}
    {%- endif -%}
    {{ return({'number': -1, 'batch_id': -1, 'tested_batch_id': -1}) }}
{% endmacro %}


{# The number of this build, which the rows carry that it writes. #}
{% macro this_build() %}
    {%- if execute -%}
        {%- set row = run_query('select build_number from ' ~ source('ops', 'warehouse_build')).rows[0] -%}
        {{ return('cast(' ~ (row[0] | int + 1) ~ ' as ' ~ type_bigint() ~ ')') }}
    {%- endif -%}
    {{ return('cast(1 as ' ~ type_bigint() ~ ')') }}
{% endmacro %}


{# The raw rows of a stream that were changed or removed since the last build, as they were. #}
{% macro past_rows(relation) %}{{ return(adapter.dispatch('past_rows', 'forewarn')(relation)) }}{% endmacro %}
{% macro default__past_rows(relation) -%}
    (
        select raw.*
        from {{ source('ops', 'past_row') }} as past
        cross join lateral jsonb_populate_record(cast(null as {{ relation }}), past.content) as raw
        where past.schema_name = '{{ relation.schema }}' and past.table_name = '{{ relation.identifier }}'
    ) as past_rows
{%- endmacro %}
{% macro spark__past_rows(relation) -%}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.append(column.name ~ ' ' ~ column.dtype) -%}
    {%- endfor -%}
    (
        select told.raw.*
        from (
            select from_json(past.content, '{{ columns | join(", ") }}') as raw
            from {{ source('ops', 'past_row') }} as past
            where past.schema_name = '{{ relation.schema }}' and past.table_name = '{{ relation.identifier }}'
        ) as told
    ) as past_rows
{%- endmacro %}


{# Customers and days whose events this build has written: those that have them now, and those that had them before. What
   a build rolled up that failed is rolled up again. #}
{% macro touched_days() %}
    {%- set since = last_build().number %}
    select customer_id, day
    from {{ ref('int_customer_events') }}
    where _version > {{ since }}
    union
    select previous_customer_id as customer_id, previous_day as day
    from {{ ref('int_customer_events') }}
    where _version > {{ since }} and previous_customer_id is not null
    union
    select customer_id, day
    from {{ this }}
    where _version > {{ since }}
{% endmacro %}


{# Customers of whom this build has written an event, or a day, that lies before `until`, or that had one there. #}
{% macro touched_past(until) %}
    {%- set since = last_build().number %}
    select customer_id from {{ ref('int_customer_events') }} where _version > {{ since }} and day < {{ until }}
    union
    select previous_customer_id as customer_id
    from {{ ref('int_customer_events') }}
    where _version > {{ since }} and previous_day < {{ until }}
    union
    select customer_id from {{ ref('int_customer_days') }} where _version > {{ since }} and day < {{ until }}
    union
    select customer_id from {{ this }} where _version > {{ since }}
{% endmacro %}


{# Accounts that another customer has now than when the last build ended. #}
{% macro moved_accounts() %}
    select source, account_id, customer_id, previous_customer_id
    from {{ ref('int_account_identity') }}
    where changed_version > {{ last_build().number }}
{% endmacro %}
