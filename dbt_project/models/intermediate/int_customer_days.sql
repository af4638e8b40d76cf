{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='append_new_columns',
    indexes=[
        {'columns': ['customer_id', 'day']},
        {'columns': ['day']},
        {'columns': ['_version']},
    ],
) }}
with events as (
    select * from {{ ref('int_customer_events') }}
    where
        kind <> 'removed'
        {%- if is_incremental() %}
        and (customer_id, day) in ({{ touched_days() }})
        {%- endif %}
),

days as (
    select
        customer_id,
        day,
        known_day,
        cast(
            count(*) filter (where kind = 'order') - count(*) filter (where kind = 'order_cancellation') as integer
        ) as orders,
        sum(amount) filter (where kind in ('order', 'order_addition', 'order_cancellation')) as revenue,
        sum(discount_amount) filter (where kind in ('order', 'order_addition', 'order_cancellation')) as discount,
        cast(count(*) filter (where kind = 'return') as integer) as returns,
        sum(amount) filter (where kind = 'return') as return_amount,
        cast(count(*) filter (where kind in ('ticket', 'complaint')) as integer) as tickets,
        cast(count(*) filter (where kind = 'complaint') as integer) as complaints,
        cast(count(*) filter (where kind = 'ticket_rating') as integer) as ratings,
        sum(quantity) filter (where kind = 'ticket_rating') as rating_sum,
        cast(count(*) filter (where kind in ('interaction', 'discount_request')) as integer) as interactions,
        cast(count(*) filter (where kind = 'discount_request') as integer) as discount_contacts,
        cast(count(*) filter (where kind = 'owner_assignment') as integer) as owner_assignments,
        cast(count(*) filter (where kind = 'marketing_sent') as integer) as marketing_sent,
        cast(count(*) filter (where kind = 'marketing_opened') as integer) as marketing_opened,
        cast(
            count(*) filter (
                where kind in ('marketing_clicked', 'marketing_attended', 'marketing_redeemed')
            ) as integer
        ) as marketing_responses,
        cast(count(*) filter (where kind = 'marketing_attended') as integer) as marketing_attended,
        cast(count(*) filter (where kind = 'shipment_due') as integer) as shipments_due,
        -- What has not arrived as far as is known is late as well: the promised day is over once it counts.
        cast(
            count(*) filter (where kind = 'shipment_due' and coalesce(quantity, 1) > 0) as integer
        ) as shipments_late,
        cast(count(*) filter (where kind = 'opportunity') as integer) as opportunities,
        cast(count(*) filter (where entity = 'opportunity_closed') as integer) as opportunities_closed,
        cast(count(*) filter (where kind = 'opportunity_won') as integer) as opportunities_won,
        cast(count(*) filter (where kind = 'opportunity_lost') as integer) as opportunities_lost,
        cast(count(quantity) filter (where kind = 'survey_nps') as integer) as nps_answers,
        sum(quantity) filter (where kind = 'survey_nps') as nps_sum,
        cast(count(*) filter (where kind = 'review' and quantity <= 2) as integer) as negative_reviews,
        sum(quantity) filter (where kind = 'usage') as usage_events,
        cast(count(distinct detail) filter (where kind = 'usage') as integer) as usage_features,
        -- Several rows of one day tell of the same users; adding them up would count a user once a function.
        max(active_users) filter (where kind = 'usage') as active_users,
        cast(count(*) filter (where kind = 'usage') as integer) as usage_records,
        cast(count(*) filter (where kind = 'dispute') as integer) as disputes
    from events
    group by customer_id, day, known_day
),

{%- set earlier -%}
    over (
        partition by days.customer_id, days.day order by days.known_day rows between unbounded preceding and 1 preceding
    )
{%- endset %}

final as (
    -- Columns of one length that are never null come first: PostgreSQL finds these without looking at others.
    -- Usage of one day that is told in parts: each row also says what it adds to the rows known before it.
    select
        {{ this_build() }} as _version,
        days.day,
        days.known_day,
        days.orders,
        days.usage_records,
        cast(
            case
                when days.usage_records > 0 and coalesce(max(days.usage_records) {{ earlier }}, 0) = 0 then 1
                else 0
            end as integer
        ) as usage_days,
        {%- for column in ['returns', 'tickets', 'complaints', 'ratings', 'interactions', 'marketing_sent',
            'marketing_opened', 'marketing_responses', 'marketing_attended', 'shipments_due', 'shipments_late',
            'opportunities', 'opportunities_closed', 'opportunities_won', 'opportunities_lost', 'nps_answers',
            'negative_reviews', 'disputes', 'discount_contacts', 'owner_assignments', 'usage_features'] %}
        days.{{ column }},
        {%- endfor %}
        greatest(
            days.usage_features - coalesce(max(days.usage_features) {{ earlier }}, 0), 0
        ) as more_usage_features,
        days.customer_id,
        {%- for column in ['revenue', 'discount', 'return_amount', 'rating_sum', 'nps_sum', 'usage_events',
            'active_users'] %}
        days.{{ column }},
        {%- endfor %}
        greatest(days.active_users - coalesce(max(days.active_users) {{ earlier }}, 0), 0) as more_active_users
    from days
)

select * from final
