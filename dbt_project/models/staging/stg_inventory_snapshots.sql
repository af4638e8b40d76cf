{{ config(materialized=canonical_materialization('inventory_snapshot')) }}
{{ canonical('inventory_snapshot') }}
