{{ config(materialized='view') }}
{#- A view, so that a date that is built later takes its place between its neighbours. -#}
with stages as (
    select
        customer_id,
        as_of_date,
        stage,
        lag(stage) over (partition by customer_id order by as_of_date) as previous_stage,
        lag(as_of_date) over (partition by customer_id order by as_of_date) as previous_as_of_date
    from {{ ref('customer_lifecycle') }}
),

final as (
    select customer_id, as_of_date, stage, previous_stage, previous_as_of_date
    from stages
    where previous_stage is null or stage <> previous_stage
)

select * from final
