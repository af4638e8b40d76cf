{# Schemas are named as in ARCHITECTURE: staging, intermediate, marts; no prefix. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}


{# The next model of the same run plans on what this one has just written; autovacuum would come too late. A night that
   writes little moves the versions and dates of a table, and hardly its other columns: these keep the statistics of the
   whole, and a small sample does for those. #}
{% macro refresh_statistics() %}{{ return(adapter.dispatch('refresh_statistics', 'forewarn')()) }}{% endmacro %}
{% macro default__refresh_statistics() %}
    {%- if model.config.materialized not in ('table', 'incremental') -%}
        {{ return('') }}
    {%- elif not execute or not is_incremental() -%}
        {#- How many combinations of columns there are that go together; taken each for itself they would seem fewer. -#}
        {%- set together = [] -%}
        {%- for columns in (config.get('meta') or {}).get('counted_together', []) -%}
            {%- do together.append('create statistics (ndistinct) on ' ~ columns | join(', ') ~ ' from ' ~ this ~ '; ') -%}
        {%- endfor -%}
        {{ return(together | join ~ 'analyze ' ~ this) }}
    {%- endif -%}
    {%- set keys = [] -%}
    {%- for index in model.config.indexes or [] -%}{%- do keys.extend(index.columns) -%}{%- endfor -%}
    {%- for constraint in model.constraints or [] -%}{%- do keys.extend(constraint.columns or []) -%}{%- endfor -%}
    {%- set moving = keys | unique | select('in', ['_version', 'as_of_date', 'month']) | list -%}
    {%- set written = load_result('main').response.rows_affected -%}
    {%- if not written -%}
        {{ return('') }}
    {%- elif moving and written < rows_at_last_count(this) / 10 -%}
        {{ return('set local default_statistics_target = 10; analyze ' ~ this ~ ' (' ~ moving | join(', ') ~ ')') }}
    {%- endif -%}
    {{ return('analyze ' ~ this ~ (' (' ~ keys | unique | join(', ') ~ ')' if keys else '')) }}
{% endmacro %}
{% macro spark__refresh_statistics() %}{{ return('') }}{% endmacro %}


{# How many rows a table had when its statistics were last taken; -1 where they never were. #}
{% macro rows_at_last_count(relation) %}
    {{ return(run_query(
        "select reltuples from pg_class where oid = to_regclass('" ~ relation.include(database=false) ~ "')"
    ).rows[0][0]) }}
{% endmacro %}


{# Letters and digits alone, in lower case. #}
{% macro letters_and_digits(text) %}{{ return(adapter.dispatch('letters_and_digits', 'forewarn')(text)) }}{% endmacro %}
{% macro default__letters_and_digits(text) %}
    {{ return("regexp_replace(lower(" ~ text ~ "), '[^a-z0-9]', '', 'g')") }}
{% endmacro %}
{% macro spark__letters_and_digits(text) %}
    {{ return("regexp_replace(lower(" ~ text ~ "), '[^a-z0-9]', '')") }}
{% endmacro %}
