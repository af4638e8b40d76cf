{{ config(materialized=canonical_materialization('invoice')) }}
{{ canonical('invoice') }}
