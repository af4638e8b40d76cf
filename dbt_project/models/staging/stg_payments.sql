{{ config(materialized=canonical_materialization('payment')) }}
{{ canonical('payment') }}
