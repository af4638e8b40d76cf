{# The calendar. A day is a UTC day, whatever the session's time zone; differences count days. #}
{% macro utc_day(moment) %}{{ return(adapter.dispatch('utc_day', 'forewarn')(moment)) }}{% endmacro %}
{% macro default__utc_day(moment) %}{{ return("cast((" ~ moment ~ ") at time zone 'UTC' as date)") }}{% endmacro %}
{% macro spark__utc_day(moment) %}{{ return("to_date(to_utc_timestamp(" ~ moment ~ ", current_timezone()))") }}{% endmacro %}

{% macro midnight(day) %}{{ return(adapter.dispatch('midnight', 'forewarn')(day)) }}{% endmacro %}
{% macro default__midnight(day) %}{{ return("(cast(" ~ day ~ " as timestamp) at time zone 'UTC')") }}{% endmacro %}
{% macro spark__midnight(day) %}
    {{ return("from_utc_timestamp(cast(" ~ day ~ " as timestamp), current_timezone())") }}
{% endmacro %}

{% macro plus_days(day, days) %}{{ return(adapter.dispatch('plus_days', 'forewarn')(day, days)) }}{% endmacro %}
{% macro default__plus_days(day, days) %}{{ return("(" ~ day ~ " + " ~ days ~ ")") }}{% endmacro %}
{% macro spark__plus_days(day, days) %}{{ return("date_add(" ~ day ~ ", " ~ days ~ ")") }}{% endmacro %}

{% macro minus_days(day, days) %}{{ return(adapter.dispatch('minus_days', 'forewarn')(day, days)) }}{% endmacro %}
{% macro default__minus_days(day, days) %}{{ return("(" ~ day ~ " - " ~ days ~ ")") }}{% endmacro %}
{% macro spark__minus_days(day, days) %}{{ return("date_sub(" ~ day ~ ", " ~ days ~ ")") }}{% endmacro %}

{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between', 'forewarn')(earlier, later)) }}{% endmacro %}
{% macro default__days_between(earlier, later) %}{{ return("(" ~ later ~ " - " ~ earlier ~ ")") }}{% endmacro %}
{% macro spark__days_between(earlier, later) %}{{ return("datediff(" ~ later ~ ", " ~ earlier ~ ")") }}{% endmacro %}

{# Whole seconds from one moment to another: sums of them are the same in any order. #}
{% macro seconds_between(earlier, later) %}{{ return(adapter.dispatch('seconds_between', 'forewarn')(earlier, later)) }}{% endmacro %}
{% macro default__seconds_between(earlier, later) %}
    {{ return("cast(extract(epoch from " ~ later ~ " - " ~ earlier ~ ") as bigint)") }}
{% endmacro %}
{% macro spark__seconds_between(earlier, later) %}
    {{ return("(unix_timestamp(" ~ later ~ ") - unix_timestamp(" ~ earlier ~ "))") }}
{% endmacro %}

{# Whole calendar months from one day to another: 15 January to 15 April is 3, to 14 April is 2; 30 November to the last
   day of February is 3, since no later day of that month would do. #}
{% macro full_months_between(earlier, later) %}
    cast(
        (extract(year from {{ later }}) - extract(year from {{ earlier }})) * 12
        + extract(month from {{ later }}) - extract(month from {{ earlier }})
        - case
            when extract(day from {{ later }}) < extract(day from {{ earlier }})
                and extract(month from {{ plus_days(later, 1) }}) = extract(month from {{ later }}) then 1
            else 0
        end as {{ type_double() }}
    )
{% endmacro %}


{# When something was known: when the source recorded it, but never before it happened. #}
{% macro known_after(moment, recorded='known_at') %}
    {{- return('greatest(' ~ moment ~ ', coalesce(' ~ recorded ~ ', ' ~ moment ~ '))') -}}
{% endmacro %}
