{{ config(
    materialized=canonical_materialization('order_line'),
    post_hook="{{ index_raw('order_line', 'order_id') }}",
) }}
{{ canonical('order_line') }}
