{# Schemas are named as in ARCHITECTURE: staging, intermediate, marts; no prefix. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}


{# The next model of the same run plans on what this one has just written; autovacuum would come too late. What a night adds
   to a table moves its keys and versions, and hardly the other columns: these keep the statistics of the whole. #}
{% macro refresh_statistics() %}{{ return(adapter.dispatch('refresh_statistics', 'forewarn')()) }}{% endmacro %}
{% macro default__refresh_statistics() %}
    {%- if model.config.materialized not in ('table', 'incremental') -%}
        {{ return('') }}
    {%- endif -%}
    {%- set keys = [] -%}
    {%- if is_incremental() -%}
        {%- for index in model.config.indexes or [] -%}{%- do keys.extend(index.columns) -%}{%- endfor -%}
        {%- for constraint in model.constraints or [] -%}{%- do keys.extend(constraint.columns or []) -%}{%- endfor -%}
    {%- endif -%}
    {{ return('analyze ' ~ this ~ (' (' ~ keys | unique | join(', ') ~ ')' if keys else '')) }}
{% endmacro %}
{% macro spark__refresh_statistics() %}{{ return('') }}{% endmacro %}


{# Letters and digits alone, in lower case. #}
{% macro letters_and_digits(text) %}{{ return(adapter.dispatch('letters_and_digits', 'forewarn')(text)) }}{% endmacro %}
{% macro default__letters_and_digits(text) %}
    {{ return("regexp_replace(lower(" ~ text ~ "), '[^a-z0-9]', '', 'g')") }}
{% endmacro %}
{% macro spark__letters_and_digits(text) %}
    {{ return("regexp_replace(lower(" ~ text ~ "), '[^a-z0-9]', '')") }}
{% endmacro %}
