{{ config(
    materialized='incremental',
    incremental_strategy='replace_dates',
    on_schema_change='append_new_columns',
    full_refresh=false,
    contract={'enforced': true},
) }}
{#- A pure function of what was known at the date: built again, or in another order, it gives the same stage. -#}
{%- set lifecycle = var('lifecycle') %}
{%- set until = past_until([365, lifecycle.won_back_days] | max) %}
{%- set fed = is_fed('order') or is_fed('subscription') %}
with dates as (
    {{ as_of_dates_rows() }}
),

features as (
    select * from {{ ref('churn_features') }} where {{ is_requested_date() }}
),

terms as (
    select
        dates.as_of_date,
        subscriptions.customer_id,
        subscriptions.started_on as day,
        case when subscriptions.end_known_on < dates.as_of_date then subscriptions.ended_on end as ended_on
    from dates
    inner join {{ ref('int_subscriptions') }} as subscriptions on subscriptions.known_on < dates.as_of_date
),

-- Before the window of won_back_days, and in it: since lost_days is no less, a silence that ends in the window is the
-- one between the last day of business before it and the first day within it.
purchases as (
    {%- call for_each_date() %}
    select
        bought.customer_id,
        min(bought.first_day) as first_day,
        max(bought.last_day) filter (
            where bought.last_day < {{ minus_days('dates.as_of_date', lifecycle.won_back_days) }}
        ) as last_before,
        min(bought.first_day) filter (
            where bought.first_day >= {{ minus_days('dates.as_of_date', lifecycle.won_back_days) }}
        ) as first_within
    from (
        select days.customer_id, days.day as first_day, days.day as last_day
        from ({{ order_rows(until) }}) as days
        group by days.customer_id, days.day
        having sum(days.orders) > 0
        {%- if until %}
        union all
        select past.customer_id, past.first_order_day as first_day, past.last_order_day as last_day
        from ({{ past_rhythms() }}) as past
        {%- endif %}
    ) as bought
    group by bought.customer_id
    {%- endcall %}
),

contracts as (
    select
        as_of_date,
        customer_id,
        min(day) as first_day,
        -- A term that runs into the window leaves no silence before it.
        max(least(coalesce(ended_on, as_of_date), {{ minus_days('as_of_date', lifecycle.won_back_days) }})) filter (
            where day < {{ minus_days('as_of_date', lifecycle.won_back_days) }}
        ) as last_before,
        min(day) filter (where day >= {{ minus_days('as_of_date', lifecycle.won_back_days) }}) as first_within,
        max(ended_on) filter (where ended_on < as_of_date) as last_end,
        coalesce(bool_and(ended_on is not null) filter (where ended_on is null or ended_on >= as_of_date), false)
            as notice_given
    from terms
    group by as_of_date, customer_id
),

joined as (
    select
        features.customer_id,
        features.as_of_date,
        features.order_gap_days,
        features.order_gap_ratio,
        {{ customer_type() }} as customer_type,
        coalesce(features.has_subscription = 1, false) as has_term,
        coalesce(contracts.notice_given, false) as notice_given,
        least(purchases.first_day, contracts.first_day) as customer_since,
        greatest(purchases.last_before, contracts.last_before) as last_before,
        least(purchases.first_within, contracts.first_within) as first_within,
        cast(
            case
                when features.has_subscription = 1 then 0
                else least(
                    features.days_since_last_order, {{ days_between('contracts.last_end', 'features.as_of_date') }}
                )
            end as integer
        ) as silent_days
    from features
    left join {{ ref('dim_customers') }} as customers on features.customer_id = customers.customer_id
    left join {{ ref('customer_history') }} as history
        on features.customer_id = history.customer_id and {{ stood_on('history', 'features.as_of_date') }}
    left join purchases
        on features.as_of_date = purchases.as_of_date and features.customer_id = purchases.customer_id
    left join contracts
        on features.as_of_date = contracts.as_of_date and features.customer_id = contracts.customer_id
),

final as (
    select
        customer_id,
        as_of_date,
        cast(
            case
                when 1 = {{ 0 if fed else 1 }} then 'unknown'
                when silent_days is null then 'prospect'
                when silent_days >= {{ lifecycle_silence('lost') }} then 'lost'
                when silent_days >= {{ lifecycle_silence('dormant') }} then 'dormant'
                when notice_given or silent_days >= {{ lifecycle_silence('at_risk') }} then 'at_risk'
                when {{ days_between('last_before', 'first_within') }} >= {{ lifecycle_silence('lost') }}
                    then 'won_back'
                when {{ days_between('customer_since', 'as_of_date') }} <= {{ lifecycle.new_days }} then 'new'
                when not has_term and order_gap_ratio >= {{ lifecycle.at_risk_gap_ratio }} then 'at_risk'
                else 'active'
            end as {{ type_text() }}
        ) as stage,
        silent_days,
        customer_since
    from joined
),

told as (
    {{ as_records_stood('final') }}
)

select * from told
