{{ config(materialized=canonical_materialization('owner_assignment')) }}
{{ canonical('owner_assignment') }}
