{{ config(materialized=canonical_materialization('product')) }}
{{ canonical('product') }}
