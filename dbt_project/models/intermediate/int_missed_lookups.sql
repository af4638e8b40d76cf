{{ config(materialized='view') }}
{{ canonical_missed_lookups() }}
