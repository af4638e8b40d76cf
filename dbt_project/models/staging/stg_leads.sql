{{ config(materialized=canonical_materialization('lead')) }}
{{ canonical('lead') }}
