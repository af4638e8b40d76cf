{{ config(
    materialized='incremental',
    incremental_strategy='replace_labels',
    on_schema_change='append_new_columns',
    full_refresh=false,
    contract={'enforced': true},
) }}
{#- The window is [D, D + horizon). Nothing is said before its end: an order inside it would settle the answer early,
    but then the labels of an unfinished window would all be "stayed". -#}
{%- set churn = var('churn') %}
{%- set horizon = churn.horizon_days -%}
with dates as (
    {{ as_of_dates_rows() }}
    {%- if is_incremental() %}
    union
    select distinct as_of_date from {{ this }} where {{ is_unsettled_label() }}
    {%- endif %}
),

customers as (
    select
        features.customer_id,
        features.as_of_date,
        features.days_since_last_order,
        features.has_subscription,
        -- Who turned out to be another customer since is judged by what that one did.
        coalesce(merged.merged_into, features.customer_id) as judged_by,
        {{ plus_days('features.as_of_date', horizon) }} as label_matures_on
    from {{ ref('churn_features') }} as features
    inner join dates on features.as_of_date = dates.as_of_date
    left join {{ ref('int_merged_customers') }} as merged on features.customer_id = merged.customer_id
),

purchases as (
    -- Of the state that this run knows: what has been cancelled by now was no purchase.
    select dates.as_of_date, days.customer_id
    from dates
    inner join {{ ref('int_order_days') }} as days
        on
            days.day >= dates.as_of_date
            and days.day < {{ plus_days('dates.as_of_date', horizon) }}
            and days.known_day < {{ run_as_of_date() }}
    group by dates.as_of_date, days.customer_id
    having sum(days.orders) > 0
),

survivors as (
    -- Some term runs on at the end of the window: the same one, or a successor that begins within it.
    select distinct dates.as_of_date, subscriptions.customer_id
    from dates
    inner join {{ ref('int_subscriptions') }} as subscriptions
        on
            subscriptions.started_on < {{ plus_days('dates.as_of_date', horizon) }}
            and (
                subscriptions.ended_on is null
                or subscriptions.ended_on >= {{ plus_days('dates.as_of_date', horizon) }}
            )
),

judged as (
    select
        customers.customer_id,
        customers.as_of_date,
        'non_contractual' as definition,
        coalesce(customers.days_since_last_order <= {{ churn.eligible_days }}, false) as eligible,
        purchases.customer_id is null as churned,
        customers.label_matures_on
    from customers
    left join purchases
        on customers.as_of_date = purchases.as_of_date and customers.judged_by = purchases.customer_id
    where 1 = {{ 1 if is_fed('order') else 0 }}
    union all
    select
        customers.customer_id,
        customers.as_of_date,
        'contractual' as definition,
        coalesce(customers.has_subscription = 1, false) as eligible,
        survivors.customer_id is null as churned,
        customers.label_matures_on
    from customers
    left join survivors
        on customers.as_of_date = survivors.as_of_date and customers.judged_by = survivors.customer_id
    where 1 = {{ 1 if is_fed('subscription') else 0 }}
),

final as (
    select
        cast(customer_id as {{ type_text() }}) as customer_id,
        as_of_date,
        cast(definition as {{ type_text() }}) as definition,
        cast({{ horizon }} as integer) as horizon_days,
        cast({{ churn.eligible_days }} as integer) as eligible_days,
        eligible,
        case when eligible and label_matures_on <= {{ run_as_of_date() }} then churned end as churned,
        label_matures_on,
        label_matures_on <= {{ run_as_of_date() }} as is_mature
    from judged
)

select * from final
