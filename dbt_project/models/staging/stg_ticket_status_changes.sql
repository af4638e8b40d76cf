{{ config(materialized=canonical_materialization('ticket_status_change')) }}
{{ canonical('ticket_status_change') }}
