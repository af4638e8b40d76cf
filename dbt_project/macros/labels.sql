{# Labels that this run writes: the requested dates', those that have ripened, until 14 days after that day, since rows come
   late, and those of another horizon or eligibility. A label that ripens after this run's date is not its affair: until
   then it says nothing that could change. #}
{% macro is_unsettled_label() %}
    {%- set churn = var('churn') -%}
    {{ return(
        is_requested_date() ~ ' or horizon_days <> ' ~ churn.horizon_days
        ~ ' or eligible_days <> ' ~ churn.eligible_days
        ~ ' or (label_matures_on <= ' ~ run_as_of_date()
        ~ ' and (not is_mature or label_matures_on > ' ~ minus_days(run_as_of_date(), 14) ~ '))'
    ) }}
{% endmacro %}
