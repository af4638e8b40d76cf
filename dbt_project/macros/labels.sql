{# Labels that this run writes: the requested dates', the unripe ones', and those of another horizon or eligibility. #}
{% macro is_unsettled_label() %}
    {%- set churn = var('churn') -%}
    {{ return(
        is_requested_date() ~ ' or not is_mature or horizon_days <> ' ~ churn.horizon_days
        ~ ' or eligible_days <> ' ~ churn.eligible_days
    ) }}
{% endmacro %}
