{{ config(materialized=canonical_materialization('interaction')) }}
{{ canonical('interaction') }}
