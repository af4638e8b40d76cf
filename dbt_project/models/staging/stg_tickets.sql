{{ config(materialized=canonical_materialization('ticket')) }}
{{ canonical('ticket') }}
