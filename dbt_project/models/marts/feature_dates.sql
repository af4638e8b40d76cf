{{ config(
    materialized='incremental',
    incremental_strategy='replace_dates',
    on_schema_change='append_new_columns',
    full_refresh=false,
    indexes=[{'columns': ['as_of_date'], 'unique': true}],
) }}
select
    dates.as_of_date,
    {{ built_from() }} as built_from,
    count(features.customer_id) as customers
from (
    {{ as_of_dates_rows() }}
) as dates
left join {{ ref('churn_features') }} as features on dates.as_of_date = features.as_of_date
group by dates.as_of_date
