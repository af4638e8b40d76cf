{{ config(materialized=canonical_materialization('subscription')) }}
{{ canonical('subscription') }}
