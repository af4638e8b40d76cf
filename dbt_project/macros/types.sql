{# Names of types. dbt's own type macros say "float" and "timestamp without time zone" where these are meant. #}
{% macro canonical_type(name) %}{{ return(adapter.dispatch('canonical_type', 'forewarn')(name)) }}{% endmacro %}
{% macro default__canonical_type(name) %}{{ return(name) }}{% endmacro %}
{% macro spark__canonical_type(name) %}
    {{ return({'text': 'string', 'numeric': 'decimal(38, 6)', 'timestamptz': 'timestamp'}.get(name, name)) }}
{% endmacro %}

{% macro type_text() %}{{ return(canonical_type('text')) }}{% endmacro %}

{% macro type_double() %}{{ return(adapter.dispatch('type_double', 'forewarn')()) }}{% endmacro %}
{% macro default__type_double() %}{{ return('double precision') }}{% endmacro %}
{% macro spark__type_double() %}{{ return('double') }}{% endmacro %}

{% macro type_bigint() %}{{ return('bigint') }}{% endmacro %}


{# One field of a JSON object, as text; null where it has none of that name. #}
{% macro json_text(column, field) %}{{ return(adapter.dispatch('json_text', 'forewarn')(column, field)) }}{% endmacro %}
{% macro default__json_text(column, field) %}{{ return("(" ~ column ~ " ->> '" ~ field ~ "')") }}{% endmacro %}
{% macro spark__json_text(column, field) %}{{ return("get_json_object(" ~ column ~ ", '$." ~ field ~ "')") }}{% endmacro %}
