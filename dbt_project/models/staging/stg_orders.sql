{{ config(materialized=canonical_materialization('order')) }}
{{ canonical('order') }}
