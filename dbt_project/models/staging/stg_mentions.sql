{{ config(materialized=canonical_materialization('mention')) }}
{{ canonical('mention') }}
