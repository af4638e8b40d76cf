{{ config(materialized=canonical_materialization('dispute')) }}
{{ canonical('dispute') }}
