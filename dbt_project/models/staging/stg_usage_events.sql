{{ config(materialized=canonical_materialization('usage_event')) }}
{{ canonical('usage_event') }}
