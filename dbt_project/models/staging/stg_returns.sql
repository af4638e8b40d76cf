{{ config(materialized=canonical_materialization('return')) }}
{{ canonical('return') }}
