{{ config(materialized=canonical_materialization('marketing_event')) }}
{{ canonical('marketing_event') }}
