{# Schemas are named as in ARCHITECTURE: staging, intermediate, marts; no prefix. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}


{# The next model of the same run plans on what this one has just written; autovacuum would come too late. #}
{% macro refresh_statistics() %}{{ return(adapter.dispatch('refresh_statistics', 'forewarn')()) }}{% endmacro %}
{% macro default__refresh_statistics() %}
    {%- if model.config.materialized in ('table', 'incremental') -%}
        {{ return('analyze ' ~ this) }}
    {%- endif -%}
    {{ return('') }}
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
