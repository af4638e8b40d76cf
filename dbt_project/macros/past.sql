{# What customers did long ago, added up once (int_customer_past), so that a date reads the days of its windows and not all
   that there ever were. Every figure is an exact sum, so that it does not matter where the cut is. #}


{# The day before which everything known is added up, as this build wants it: a month's first, before the longest window of
   the run's day, and never earlier than it was. So it moves once a month. #}
{% macro settled_until() %}
    {%- set wanted = (run_day() - modules.datetime.timedelta(days=ages() | last)).replace(day=1).isoformat() -%}
    {{ return([wanted, settled_day(this) or wanted] | max) }}
{% endmacro %}


{# The day as the relation holds it; none where it holds nothing. #}
{% macro settled_day(relation) %}
    {%- if execute and is_incremental() -%}
        {%- set day = run_query('select max(settled_until) from ' ~ relation).rows[0][0] -%}
        {{ return(day.isoformat() if day else none) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{# Whether the day is where it was, so that only customers are added up again of whom something old has changed. #}
{% macro settled_day_stays() %}{{ return(is_incremental() and settled_day(this) == settled_until()) }}{% endmacro %}


{# The day for readers: none where a requested date's windows, `days` long, reach behind it. #}
{% macro past_until(days) %}
    {%- set day = settled_day(ref('int_customer_past')) if not of_this_run('FOREWARN_FROM_NOTHING') -%}
    {%- set first = (as_of_dates() | sort | first) or '1900-01-01' -%}
    {%- if day and modules.datetime.date.fromisoformat(first) - modules.datetime.timedelta(days=days)
        >= modules.datetime.date.fromisoformat(day) -%}
        {{ return("cast('" ~ day ~ "' as date)") }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{# Days on which customers bought, as steps of their rhythm: first and last, their number, and the sum of the squared gaps.
   One day has several rows when some of its orders became known, or were cancelled, later. #}
{% macro order_rhythm(rows) %}
    select
        gaps.customer_id,
        count(*) as order_days,
        min(gaps.day) as first_order_day,
        max(gaps.day) as last_order_day,
        sum(gaps.gap_days * gaps.gap_days) as gap_squares
    from (
        select
            order_days.customer_id,
            order_days.day,
            cast({{ days_between(
                'lag(order_days.day) over (partition by order_days.customer_id order by order_days.day)', 'order_days.day'
            ) }} as {{ type_bigint() }}) as gap_days
        from (
            select days.customer_id, days.day
            from ({{ rows }}) as days
            group by days.customer_id, days.day
            having sum(days.orders) > 0
        ) as order_days
    ) as gaps
    group by gaps.customer_id
{% endmacro %}


{# Orders by customer and day as `dates.as_of_date` knows them: those since `until`, and of customers all of whom an order
   that lies before it became known, or was cancelled, after it. Their rhythm is not to be had from sums. #}
{% macro order_rows(until) %}
        select told.customer_id, told.day, told.orders
        from {{ ref('int_order_days') }} as told
        where
            told.known_day < dates.as_of_date
            {%- if until %}
            and (
                told.known_day >= {{ until }}
                or told.customer_id in (
                    select past.customer_id from {{ ref('int_customer_past') }} as past where past.has_late_orders
                )
            )
            {%- endif %}
{% endmacro %}


{# What was bought before that day, of all others. #}
{% macro past_rhythms() %}
        select past.*
        from {{ ref('int_customer_past') }} as past
        where past.order_days > 0 and not past.has_late_orders
{% endmacro %}


{# The rhythm of all customers on `dates.as_of_date`, in one step or two. #}
{% macro order_rhythm_steps(until) %}
        select steps.*, 1 as is_new from ({{ order_rhythm(order_rows(until)) }}) as steps
        {%- if until %}
        union all
        select past.customer_id, past.order_days, past.first_order_day, past.last_order_day, past.gap_squares, 0 as is_new
        from ({{ past_rhythms() }}) as past
        {%- endif %}
{% endmacro %}


{# The rows of a date that is built late: of customers of whom a record has changed since, as they were computed from the
   records as they stood (forewarn.warehouse.past_features). Other builds hold no such rows. #}
{% macro as_records_stood(relation) %}
{%- if of_this_run('FOREWARN_PAST_FEATURES', parsed='1') -%}
{%- set columns = model.columns | join(', ') %}
    select {{ columns }}
    from {{ relation }} as told
    where not exists (
        select from {{ source('past', 'past_customers') }} as past
        where told.customer_id = past.customer_id and told.as_of_date = past.as_of_date
    )
    union all
    select {{ columns }} from {{ source('past', 'past_' ~ model.name) }} where {{ is_requested_date() }}
{%- else %}
    select * from {{ relation }}
{%- endif %}
{% endmacro %}
