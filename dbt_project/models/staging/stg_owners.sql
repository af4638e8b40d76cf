{{ config(materialized=canonical_materialization('owner')) }}
{{ canonical('owner') }}
