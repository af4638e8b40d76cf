{{ config(materialized='view') }}
select
    customer_id,
    day,
    max(known_day) as known_day,
    {%- for column in ['orders', 'revenue', 'discount', 'returns', 'return_amount', 'tickets', 'complaints',
        'interactions', 'marketing_sent', 'marketing_opened', 'marketing_responses', 'usage_events', 'disputes'] %}
    coalesce(sum({{ column }}), 0) as {{ column }},
    {%- endfor %}
    max(active_users) as active_users
from {{ ref('int_customer_days') }}
group by customer_id, day
