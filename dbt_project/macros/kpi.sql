{# The first day of the month of a day, and that of the month after one that is given by its first day: 31 days on is
   always the next month, and needs no calendar of the engine. #}
{% macro first_of_month(day) %}{{ return("cast(" ~ dbt.date_trunc('month', day) ~ " as date)") }}{% endmacro %}
{% macro next_month(month) %}{{ return(first_of_month(plus_days(month, 31))) }}{% endmacro %}


{# The months that this run computes, `month` and `next_month`: those that are over and lie within kpi.months, without
   the ones that stand. A month stands once it was computed kpi.settle_days after its end, from today's mappings. #}
{% macro kpi_months_rows() %}
select spine.month, {{ next_month('spine.month') }} as next_month
from (
    select distinct {{ first_of_month('date_day') }} as month
    from {{ ref('time_spine') }}
    where date_day >= (select min(days.day) from {{ ref('int_customer_days') }} as days)
) as spine
where
    {{ kpi_month_is_due('spine.month') }}
    {%- if is_incremental() %}
    and spine.month not in (select standing.month from {{ this }} as standing where {{ kpi_month_stands() }})
    {%- endif %}
{% endmacro %}


{% macro kpi_month_is_due(month) %}
    {{ return(
        '(' ~ month ~ ' >= ' ~ minus_days(run_as_of_date(), 31 * var('kpi').months)
        ~ ' and ' ~ next_month(month) ~ ' <= ' ~ run_as_of_date() ~ ')'
    ) }}
{% endmacro %}


{% macro kpi_month_stands() %}
    {{ return('(is_settled and built_from = ' ~ built_from() ~ ')') }}
{% endmacro %}


{# Whether the rows of a month will change no more. #}
{% macro kpi_is_settled(next_month) %}
    {{ return(plus_days(next_month, var('kpi').settle_days) ~ ' <= ' ~ run_as_of_date()) }}
{% endmacro %}


{# The last day, exclusive, on which a row may have become known to count in a month. A month that is computed late, or
   again, is what it was when it settled. #}
{% macro kpi_known_until(next_month) %}
    {{ return('least(' ~ plus_days(next_month, var('kpi').settle_days) ~ ', ' ~ run_as_of_date() ~ ')') }}
{% endmacro %}


{# An amount of a KPI, or null where no source feeds its department. #}
{% macro kpi_amount(fed, value) %}
    {{ return('cast(' ~ (value if fed else 'null') ~ ' as ' ~ canonical_type('numeric') ~ ')') }}
{% endmacro %}

{% macro kpi_count(fed, value) %}
    {{ return('cast(' ~ (value if fed else 'null') ~ ' as ' ~ type_bigint() ~ ')') }}
{% endmacro %}


{# One sum over another, null where there is nothing to divide by. #}
{% macro kpi_rate(part, whole) %}
    {{ return(
        '(cast(' ~ part ~ ' as ' ~ type_double() ~ ') / nullif(cast(' ~ whole ~ ' as ' ~ type_double() ~ '), 0))'
    ) }}
{% endmacro %}
