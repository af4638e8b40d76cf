{{ config(materialized=canonical_materialization('review')) }}
{{ canonical('review') }}
