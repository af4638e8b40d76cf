{# What this run is told by its environment. Not while dbt parses, which would parse each file anew whose answer was another
   the night before: then it is `parsed`. #}
{% macro of_this_run(name, parsed='', otherwise='') %}
    {{ return(env_var(name, otherwise) if execute else parsed) }}
{% endmacro %}


{# The dates that this run computes, `YYYY-MM-DD` each. dbt parses with one, so that it sees what is read for each. #}
{% macro as_of_dates() %}
    {%- set dates = [] -%}
    {%- for day in of_this_run('FOREWARN_AS_OF_DATES', parsed='1900-01-01').split(',') if day -%}
        {%- do dates.append(modules.datetime.date.fromisoformat(day).isoformat()) -%}
    {%- endfor -%}
    {{ return(dates) }}
{% endmacro %}


{# The day before which this run knows everything: decides which labels are ripe. #}
{% macro run_as_of_date() %}
    {{ return("cast('" ~ run_day().isoformat() ~ "' as date)") }}
{% endmacro %}


{% macro run_year() %}{{ return(run_day().year) }}{% endmacro %}


{% macro run_day() %}
    {%- set day = of_this_run('FOREWARN_RUN_AS_OF_DATE') or (as_of_dates() | sort | last) or '1900-01-01' -%}
    {{ return(modules.datetime.date.fromisoformat(day)) }}
{% endmacro %}


{# The dates as a model's SQL names them. What is written date by date (`replace_dates`) names one that stands for each, so
   that several dates are as many statements: one for all of them would be planned for none, and keep the memory of all. #}
{% macro named_dates() %}{{ return(adapter.dispatch('named_dates', 'forewarn')()) }}{% endmacro %}
{% macro spark__named_dates() %}{{ return(as_of_dates()) }}{% endmacro %}
{% macro default__named_dates() %}
    {%- set several = config.get('incremental_strategy') == 'replace_dates' and as_of_dates() | length > 1 -%}
    {{ return([each_date()] if several else as_of_dates()) }}
{% endmacro %}


{% macro each_date() %}{{ return('each as_of_date') }}{% endmacro %}


{# The same dates as a relation with the one column as_of_date. #}
{% macro as_of_dates_rows() %}
{%- for day in named_dates() %}
select cast('{{ day }}' as date) as as_of_date
{%- if not loop.last %}
union all
{%- endif -%}
{%- else %}
select cast(null as date) as as_of_date from (select 1 as nothing) as nothing where 1 = 0
{%- endfor -%}
{% endmacro %}


{# A condition on as_of_date that is true for these dates only. #}
{% macro is_requested_date(dates=none) %}
    {%- set dates = named_dates() if dates is none else dates -%}
    {{ return("as_of_date in (cast('" ~ dates | join("' as date), cast('") ~ "' as date))" if dates else "1 = 0") }}
{% endmacro %}


{# The digest of the mappings and models of this run. #}
{% macro built_from() %}
    {{ return("cast('" ~ of_this_run('FOREWARN_BUILT_FROM') ~ "' as " ~ type_text() ~ ")") }}
{% endmacro %}
