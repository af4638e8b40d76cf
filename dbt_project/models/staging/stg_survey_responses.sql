{{ config(materialized=canonical_materialization('survey_response')) }}
{{ canonical('survey_response') }}
