{{ config(materialized='view') }}
{{ canonical_orphans() }}
