{{ config(materialized=canonical_materialization('order_line')) }}
{{ canonical('order_line') }}
