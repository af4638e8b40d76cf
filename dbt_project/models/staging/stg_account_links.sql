{{ config(materialized=canonical_materialization('account_link')) }}
{{ canonical('account_link') }}
