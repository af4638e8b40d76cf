{# The days of silence that make a stage: the configured ones of the customer's type, and not before so many of the
   customer's own usual gaps between purchases. A gap that is unknown asks for nothing. #}
{% macro lifecycle_silence(stage) %}
    greatest(
        {{ lifecycle_threshold(stage ~ '_days') }},
        {{ lifecycle_threshold(stage ~ '_usual_gaps') }} * order_gap_days
    )
{%- endmacro %}


{% macro lifecycle_threshold(name) %}
{%- set lifecycle = var('lifecycle') -%}
{%- set own = {} -%}
{%- for type, thresholds in lifecycle.types.items() if name in thresholds -%}
    {%- do own.update({type: thresholds[name]}) -%}
{%- endfor -%}
{%- if own -%}
        case
            {%- for type, threshold in own.items() %}
            when customer_type = {{ dbt.string_literal(type) }} then {{ threshold }}
            {%- endfor %}
            else {{ lifecycle[name] }}
        end
{%- else -%}
{{ lifecycle[name] }}
{%- endif -%}
{%- endmacro %}
