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
    {%- set late = fromjson(of_this_run('FOREWARN_LATE', parsed='{}', otherwise='{}')) -%}
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


{# The roll-up of a date in steps of age: for each customer the sums of its days that are up to 7 days before the date, from
   8 to 30, and so on. Every window of a feature is a few of these steps, so that a day of the roll-up is added up once and
   not once a window. `columns` says of each whether it is fed: what is not costs nothing. The days before `until` are one
   step without an age, which int_customer_past has added up. #}
{% macro days_by_age(relation, columns, until=none) %}
    (
        select
            told.customer_id,
            -- The longest step first: most days are in it.
            case
                when told.day < {{ minus_days('dates.as_of_date', ages() | last) }} then null
                {%- for age in ages()[:-1] | reverse %}
                when told.day < {{ minus_days('dates.as_of_date', age) }} then {{ ages()[ages().index(age) + 1] }}
                {%- endfor %}
                else {{ ages() | first }}
            end as age,
            min(told.day) as first_day,
            max(told.day) filter (where told.interactions > 0) as last_interaction_day,
            max(told.day) filter (where told.usage_records > 0) as last_usage_day
            {%- for column, fed in columns.items() %},
            {{ 'sum(told.' ~ column ~ ')' if fed else 'cast(null as ' ~ type_bigint() ~ ')' }} as {{ column }}
            {%- endfor %}
        from {{ relation }} as told
        where told.known_day < dates.as_of_date {{- ' and told.known_day >= ' ~ until if until }}
        group by told.customer_id, age
        {%- if until %}
        union all
        select
            past.customer_id,
            cast(null as integer) as age,
            past.first_day,
            past.last_interaction_day,
            past.last_usage_day
            {%- for column, fed in columns.items() %},
            {{ 'past.' ~ column if fed and column in ('orders', 'opportunities', 'opportunities_closed', 'owner_assignments')
                else 'cast(null as ' ~ type_bigint() ~ ')' }} as {{ column }}
            {%- endfor %}
        from {{ ref('int_customer_past') }} as past
        {%- endif %}
    )
{%- endmacro %}


{# Where windows of churn_features begin and end, in days before the date. #}
{% macro ages() %}{{ return([7, 30, 56, 60, 90, 180, 360, 365, 455]) }}{% endmacro %}


{# A window by its name, as days before the date from which and to which it reaches: the last 90 days `90d`, those before
   them `prior_90d`, and the last 90 days of a year ago `last_year_90d`. #}
{% macro window_days(name) %}
    {%- set days = name.split('_')[-1][:-1] | int -%}
    {%- set later = 365 if name.startswith('last_year_') else days if name.startswith('prior_') else 0 -%}
    {{ return((days + later, later)) }}
{% endmacro %}


{# Sum of a column over a window of `days`, which is days_by_age. #}
{% macro window_sum(column, window) %}
    {%- set from_days, to_days = window_days(window) -%}
    {%- if execute and (from_days not in ages() or to_days not in [0] + ages()) -%}
        {{ exceptions.raise_compiler_error('no step of macro ages ends at ' ~ from_days ~ ' or ' ~ to_days) }}
    {%- endif -%}
    {{- return(
        'sum(days.' ~ column ~ ') filter (where days.age <= ' ~ from_days
        ~ (' and days.age > ' ~ to_days if to_days else '') ~ ')'
    ) -}}
{% endmacro %}


{# The figure of `days` a year ago; null, not zero, for a customer whose first such day is younger than they are. #}
{% macro last_year(figure, first_day, days) %}
    {{- return(
        'case when ' ~ first_day ~ ' <= ' ~ minus_days('as_of_date', 365 + days) ~ ' then coalesce(' ~ figure ~ ', 0) end'
    ) -}}
{% endmacro %}


{# The rows of the query in the call block for every date, with the date as a first column; the query names it
   `dates.as_of_date`, and it is written into the query, whose planner then knows it. #}
{% macro for_each_date() %}
{%- set query = caller() %}
{%- for day in named_dates() %}
    select cast('{{ day }}' as date) as as_of_date, one_date.*
    from ({{ query | replace('dates.as_of_date', "cast('" ~ day ~ "' as date)") }}
    ) as one_date
    {{ 'union all' if not loop.last }}
{%- endfor %}
{% endmacro %}
