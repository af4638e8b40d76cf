{# A column of churn_features: the value as double precision, or null where no source feeds the department. #}
{% macro feature(fed, value) %}
    {%- if fed -%}
        {{ return('cast(' ~ value ~ ' as ' ~ type_double() ~ ')') }}
    {%- endif -%}
    {{ return('cast(null as ' ~ type_double() ~ ')') }}
{% endmacro %}


{# A sum or count that is zero, not unknown, for a customer that had none. #}
{% macro feature_count(fed, value) %}{{ return(feature(fed, 'coalesce(' ~ value ~ ', 0)')) }}{% endmacro %}


{# One value over another; null where the other is zero or unknown. #}
{% macro feature_ratio(fed, part, whole) %}
    {{ return(feature(
        fed,
        'cast(coalesce(' ~ part ~ ', 0) as ' ~ type_double() ~ ') / nullif(cast(' ~ whole ~ ' as ' ~ type_double() ~ '), 0)'
    )) }}
{% endmacro %}


{# A count of texts that something was found in; null where there are texts in the window and not one could be judged. #}
{% macro words_count(found, judged, window) %}
    {{- return(
        'case when coalesce(texts_' ~ window ~ ', 0) = 0 or ' ~ judged ~ ' > 0 then coalesce(' ~ found ~ ', 0) end'
    ) -}}
{% endmacro %}


{# The features of a relation, each null on the dates on which a stream that it rests on was late: unknown, not what had
   come until then. `FOREWARN_LATE` is `{feature: [date, …]}`, from ops.late_stream. #}
{% macro without_late(relation) %}
    {%- set late = fromjson(env_var('FOREWARN_LATE', '{}')) -%}
select
    {%- if late %}
    {%- for name in model.columns %}
    {% if name in late -%}
    case when as_of_date not in (
        {%- for day in late[name] -%}
            cast('{{ modules.datetime.date.fromisoformat(day).isoformat() }}' as date){{ ', ' if not loop.last }}
        {%- endfor -%}
    ) then {{ name }} end as {{ name }}
    {%- else -%} {{ name }}
    {%- endif -%}
    {{ ',' if not loop.last }}
    {%- endfor %}
    {%- else %} *
    {%- endif %}
from {{ relation }}
{% endmacro %}


{# Sum of a column of the roll-up over [D - from_days, D - to_days). Rows on or after D are not joined at all. #}
{% macro window_sum(column, from_days, to_days=0) %}
    {{- return(
        'sum(days.' ~ column ~ ') filter (where days.day >= ' ~ minus_days('dates.as_of_date', from_days)
        ~ (' and days.day < ' ~ minus_days('dates.as_of_date', to_days) if to_days else '') ~ ')'
    ) -}}
{% endmacro %}


{# The rows of the query in the call block for every requested date, with the date as a first column; the query names it
   `dates.as_of_date`. One date after the other: sorting and grouping them together would need their memory together, and
   twelve dates would cost more than twelve times one. #}
{% macro for_each_date() %}{{ return(adapter.dispatch('for_each_date', 'forewarn')(caller())) }}{% endmacro %}
{% macro default__for_each_date(query) %}
    select dates.as_of_date, one_date.*
    from dates
    cross join lateral ({{ query }}
    ) as one_date
{% endmacro %}
{% macro spark__for_each_date(query) %}
{%- for day in as_of_dates() %}
    select cast('{{ day }}' as date) as as_of_date, one_date.*
    from ({{ query | replace('dates.as_of_date', "cast('" ~ day ~ "' as date)") }}
    ) as one_date
    {{ 'union all' if not loop.last }}
{%- endfor %}
{% endmacro %}
