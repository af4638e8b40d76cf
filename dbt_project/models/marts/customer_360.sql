{{ config(materialized='view') }}
{#- A view, so that it shows a score as soon as it is written; publishing freezes it. -#}
with customers as (
    select * from {{ ref('dim_customers') }}
),

features as (
    select * from {{ ref('churn_features') }}
),

newest as (
    select max(as_of_date) as as_of_date from features
),

scores as (
    select * from {{ source('ml', 'score') }} where definition = '{{ var('churn').definition }}'
),

newest_score as (
    select max(scores.as_of_date) as as_of_date
    from scores
    cross join newest
    where scores.as_of_date <= newest.as_of_date
),

final as (
    select
        customers.*,
        newest.as_of_date,
        features.tenure_days,
        {{ minus_days('newest.as_of_date', 'cast(features.days_since_last_order as integer)') }} as last_order_on,
        features.days_since_last_order,
        features.order_gap_days,
        features.orders_90d,
        features.orders_365d,
        features.revenue_90d,
        features.revenue_365d,
        features.revenue_trend_90d,
        features.complaints_90d,
        features.open_tickets,
        features.days_since_last_interaction,
        features.overdue_invoices,
        features.overdue_amount,
        features.days_overdue_max,
        features.has_subscription,
        features.mrr,
        features.days_to_renewal,
        coalesce(12 * features.mrr, 0) + coalesce(features.revenue_365d, 0) as value_at_stake_year,
        scores.as_of_date as scored_as_of_date,
        scores.probability as churn_probability,
        scores.threshold as churn_threshold,
        scores.rank_of_day as churn_rank,
        scores.reasons as churn_reasons,
        scores.model_name,
        scores.model_version
    from customers
    cross join newest
    cross join newest_score
    left join features on customers.customer_id = features.customer_id and features.as_of_date = newest.as_of_date
    left join scores on customers.customer_id = scores.customer_id and scores.as_of_date = newest_score.as_of_date
)

select * from final
