{{ config(materialized=canonical_materialization('shipment')) }}
{{ canonical('shipment') }}
