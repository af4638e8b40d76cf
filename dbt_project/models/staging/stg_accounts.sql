{{ config(materialized=canonical_materialization('account')) }}
{{ canonical('account') }}
