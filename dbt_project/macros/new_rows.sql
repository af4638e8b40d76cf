{# Which rows of a relation a test of this build looks at: those that the build has written or that have landed since the
   last, where the relation tells. Older rows passed the same test when they were new. A build from nothing and
   `dbt test` look at all. #}
{% macro is_new_row(relation) %}
    {%- if execute and not looks_at_all() -%}
        {%- set since = last_build(from_nothing=false) -%}
        {%- set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- if '_version' in names -%}
            {{ return('_version > ' ~ since.number) }}
        {%- elif '_batch_id' in names -%}
            {{ return('_batch_id > ' ~ since.tested_batch_id) }}
        {%- endif -%}
    {%- endif -%}
    {{ return('1 = 1') }}
{% endmacro %}


{# Whether tests look at every row: in a build from nothing, and by `dbt test`. #}
{% macro looks_at_all() %}
    {{ return(flags.WHICH != 'build' or flags.FULL_REFRESH) }}
{% endmacro %}
