{# Which rows of a relation a test of this build looks at: those that the build has written or that have landed since the
   last, where the relation tells. Older rows passed the same test when they were new. A build from nothing and
   `dbt test` look at all. #}
{% macro is_new_row(relation) %}
    {%- if execute and not looks_at_all() -%}
        {%- set names = marks_of(relation) -%}
        {%- if '_version' in names -%}
            {{ return('_version > ' ~ last_build(from_nothing=false).number) }}
        {%- elif '_batch_id' in names -%}
            {{ return('_batch_id > ' ~ last_build(from_nothing=false).tested_batch_id) }}
        {%- endif -%}
    {%- endif -%}
    {{ return('1 = 1') }}
{% endmacro %}


{# Which columns a relation has that say when its rows came. Asked for themselves: a night has more than a hundred tests. #}
{% macro marks_of(relation) %}{{ return(adapter.dispatch('marks_of', 'forewarn')(relation)) }}{% endmacro %}
{% macro default__marks_of(relation) %}
    {{ return(run_query(
        "select attname from pg_attribute where attrelid = to_regclass('" ~ relation.include(database=false)
        ~ "') and attname in ('_version', '_batch_id')"
    ).rows | map(attribute=0) | list) }}
{% endmacro %}
{% macro spark__marks_of(relation) %}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | list) }}
{% endmacro %}


{# Whether tests look at every row: in a build from nothing, and by `dbt test`. #}
{% macro looks_at_all() %}
    {{ return(flags.WHICH != 'build' or flags.FULL_REFRESH) }}
{% endmacro %}
