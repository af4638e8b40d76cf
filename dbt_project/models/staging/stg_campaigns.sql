{{ config(materialized=canonical_materialization('campaign')) }}
{{ canonical('campaign') }}
