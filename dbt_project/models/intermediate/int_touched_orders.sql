{{ config(indexes=[{'columns': ['order_key'], 'unique': true}]) }}
{#- Written anew by each build; a build from nothing does not need it. -#}
{%- set since = last_build(from_nothing=flags.FULL_REFRESH).batch_id -%}
with touched as (
    select source, order_id from {{ ref('stg_orders') }} where _batch_id > {{ since }}
    union
    select source, order_id from {{ ref('stg_order_lines') }} where _batch_id > {{ since }}
    union
    select source, record_id as order_id from {{ ref('int_past_records') }} where entity = 'order'
    union
    select source, parent_id as order_id from {{ ref('int_past_records') }} where entity = 'order_line'
),

final as (
    select source || '|' || order_id as order_key, source, order_id
    from touched
    where order_id is not null and 1 = {{ 0 if flags.FULL_REFRESH else 1 }}
)

select * from final
