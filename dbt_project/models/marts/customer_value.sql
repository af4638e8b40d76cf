{{ config(
    materialized='incremental',
    incremental_strategy='replace_dates',
    on_schema_change='append_new_columns',
    full_refresh=false,
    contract={'enforced': true},
) }}
{%- set fed = is_fed('order') %}
{%- set value = var('value') %}
{%- set double, whole = type_double(), canonical_type('numeric') %}
with dates as (
    {{ as_of_dates_rows() }}
),

features as (
    select
        customer_id,
        as_of_date,
        days_since_last_order,
        orders_365d,
        -- Sums of decimals do not depend on the order in which they are added.
        cast(revenue_365d as {{ whole }}) as revenue_365d
    from {{ ref('churn_features') }}
    where {{ is_requested_date() }}
),

buyers as (
    select * from features where orders_365d > 0
),

-- A customer's score is the number of fifths whose threshold it has passed: equal values get equal scores, and no row
-- has to be numbered.
thresholds as (
    select
        as_of_date
        {%- for measure in ['days_since_last_order', 'orders_365d', 'revenue_365d'] %}
        {%- for fifth in [20, 40, 60, 80] %},
        percentile_disc(0.{{ fifth }}) within group (order by {{ measure }}) as {{ measure }}_p{{ fifth }}
        {%- endfor %}
        {%- endfor %}
    from buyers
    group by as_of_date
),

scores as (
    select
        buyers.customer_id,
        buyers.as_of_date,
        5
        {%- for fifth in [20, 40, 60, 80] %}
        - case when buyers.days_since_last_order > thresholds.days_since_last_order_p{{ fifth }} then 1 else 0 end
        {%- endfor %} as recency_score,
        1
        {%- for fifth in [20, 40, 60, 80] %}
        + case when buyers.orders_365d > thresholds.orders_365d_p{{ fifth }} then 1 else 0 end
        {%- endfor %} as frequency_score,
        1
        {%- for fifth in [20, 40, 60, 80] %}
        + case when buyers.revenue_365d > thresholds.revenue_365d_p{{ fifth }} then 1 else 0 end
        {%- endfor %} as monetary_score
    from buyers
    inner join thresholds on buyers.as_of_date = thresholds.as_of_date
),

-- Customers with equal revenue are one step of the curve, so that ties share a class.
amounts as (
    select as_of_date, revenue_365d, sum(revenue_365d) as revenue
    from features
    where revenue_365d > 0
    group by as_of_date, revenue_365d
),

curve as (
    select
        as_of_date,
        revenue_365d,
        revenue,
        sum(revenue) over (partition by as_of_date order by revenue_365d desc) as revenue_so_far,
        sum(revenue) over (partition by as_of_date) as revenue_of_all
    from amounts
),

-- How many of those who bought in the year before the last bought in the last one, by how often they had bought.
years as (
    {%- call for_each_date() %}
    select
        days.customer_id,
        coalesce(sum(days.orders) filter (
            where days.day < {{ minus_days('dates.as_of_date', 365) }}
        ), 0) as orders_before,
        coalesce(sum(days.orders) filter (
            where days.day >= {{ minus_days('dates.as_of_date', 365) }}
        ), 0) as orders_last
    from {{ ref('int_order_days') }} as days
    where
        days.known_day < dates.as_of_date
        and days.day >= {{ minus_days('dates.as_of_date', 730) }}
    group by days.customer_id
    {%- endcall %}
),

{%- set band -%}
    case when {} >= 10 then 10 when {} >= 4 then 4 when {} >= 2 then 2 else 1 end
{%- endset %}

retained_by_band as (
    select
        as_of_date,
        {{ band | replace('{}', 'orders_before') }} as band,
        count(*) as customers,
        cast(count(*) filter (where orders_last > 0) as {{ double }}) as retained
    from years
    where orders_before > 0
    group by as_of_date, {{ band | replace('{}', 'orders_before') }}
),

retention as (
    -- A band of few customers says little: below thirty, that of all stands for it.
    select
        as_of_date,
        band,
        case
            when customers >= 30 then retained / customers
            else sum(retained) over (partition by as_of_date) / sum(customers) over (partition by as_of_date)
        end as retention
    from retained_by_band
),

overall as (
    select as_of_date, sum(retained) / sum(customers) as retention
    from retained_by_band
    group by as_of_date
),

joined as (
    select
        features.*,
        scores.recency_score,
        scores.frequency_score,
        scores.monetary_score,
        cast(ceil((scores.frequency_score + scores.monetary_score) / 2.0) as integer) as weight_score,
        coalesce(features.revenue_365d, 0) / nullif(max(curve.revenue_of_all) over (
            partition by features.as_of_date
        ), 0) as revenue_share,
        curve.revenue_so_far / curve.revenue_of_all as cumulative_share,
        (curve.revenue_so_far - curve.revenue) / curve.revenue_of_all as share_above,
        case
            when features.orders_365d > 0 then cast(coalesce(retention.retention, overall.retention) as {{ double }})
        end as retention
    from features
    left join scores on features.as_of_date = scores.as_of_date and features.customer_id = scores.customer_id
    left join curve on features.as_of_date = curve.as_of_date and features.revenue_365d = curve.revenue_365d
    left join overall on features.as_of_date = overall.as_of_date
    left join retention
        on
            features.as_of_date = retention.as_of_date
            and retention.band = {{ band | replace('{}', 'features.orders_365d') }}
),

final as (
    select
        customer_id,
        as_of_date,
        days_since_last_order as recency_days,
        orders_365d as frequency,
        {{ feature(fed, 'revenue_365d') }} as monetary,
        cast(recency_score as integer) as recency_score,
        cast(frequency_score as integer) as frequency_score,
        cast(monetary_score as integer) as monetary_score,
        cast(
            case
                when orders_365d is null then 'unknown'
                when recency_score is null then 'no_purchase'
                when recency_score = 5 and weight_score >= 4 then 'champions'
                when recency_score >= 3 and weight_score >= 4 then 'loyal'
                when recency_score <= 2 and weight_score = 5 then 'cannot_lose_them'
                when recency_score <= 2 and weight_score >= 3 then 'at_risk'
                when recency_score <= 2 then 'hibernating'
                when recency_score = 3 and weight_score = 3 then 'need_attention'
                when recency_score = 3 then 'about_to_sleep'
                when weight_score >= 2 then 'potential_loyalists'
                when recency_score = 5 then 'new_customers'
                else 'promising'
            end as {{ type_text() }}
        ) as rfm_segment,
        cast(
            case
                when revenue_365d is null then 'unknown'
                when share_above is null then 'none'
                when share_above < 0.8 then 'a'
                when share_above < 0.95 then 'b'
                else 'c'
            end as {{ type_text() }}
        ) as revenue_class,
        {{ feature(fed, 'revenue_share') }} as revenue_share,
        {{ feature(fed, 'cumulative_share') }} as cumulative_revenue_share,
        {{ feature(fed, 'retention') }} as expected_retention_year,
        {{ feature(
            fed, 'case when orders_365d = 0 then 0 else round(cast(cast(revenue_365d as ' ~ double ~ ') * ' ~ value.margin
            ~ ' * retention / (1 + ' ~ value.discount_rate ~ ' - retention) as ' ~ whole ~ '), 2) end'
        ) }} as clv
    from joined
)

select * from final
