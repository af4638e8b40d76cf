{{ config(
    materialized=canonical_materialization('payment'),
    post_hook="{{ index_raw('payment', 'invoice_id') }}",
) }}
{{ canonical('payment') }}
