{{ config(materialized=canonical_materialization('backorder')) }}
{{ canonical('backorder') }}
