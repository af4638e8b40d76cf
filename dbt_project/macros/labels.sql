{# Labels that this run writes: the requested dates', the unripe ones', those that ripened in the last 14 days, since rows
   come late, and those of another horizon or eligibility. A label that ripens after this run's date is not its affair. #}
{% macro is_unsettled_label() %}
    {%- set churn = var('churn') -%}
    {{ return(
        is_requested_date() ~ ' or not is_mature or horizon_days <> ' ~ churn.horizon_days
        ~ ' or eligible_days <> ' ~ churn.eligible_days
        ~ ' or (label_matures_on > ' ~ minus_days(run_as_of_date(), 14)
        ~ ' and label_matures_on <= ' ~ run_as_of_date() ~ ')'
    ) }}
{% endmacro %}
