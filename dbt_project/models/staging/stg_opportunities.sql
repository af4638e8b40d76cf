{{ config(materialized=canonical_materialization('opportunity')) }}
{{ canonical('opportunity') }}
