{{ config(materialized=canonical_materialization('credit_limit')) }}
{{ canonical('credit_limit') }}
