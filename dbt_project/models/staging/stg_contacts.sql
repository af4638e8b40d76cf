{{ config(materialized=canonical_materialization('contact')) }}
{{ canonical('contact') }}
