{# Points of a value between given points: straight between two of them, level beyond the first and the last. #}
{% macro points_of(column, points) %}
case
    when {{ column }} is null then null
    when {{ column }} <= {{ points[0][0] }} then {{ points[0][1] }}
    {%- for at, given in points[1:] %}
    {%- set before = points[loop.index0] %}
    when {{ column }} <= {{ at }}
        then {{ before[1] }} + ({{ column }} - {{ before[0] }}) * {{ (given - before[1]) / (at - before[0]) }}
    {%- endfor %}
    else {{ points[-1][1] }}
end
{%- endmacro %}


{# Weight of a component for the customer's type; zero where nothing of the component is known. #}
{% macro health_weight(health, component) %}
    {%- set score = component ~ '_score' -%}
    case
        when {{ score }} is null then 0
        {%- for type, weights in health.types.items() %}
        when customer_type = {{ dbt.string_literal(type) }} then {{ weights[component] }}
        {%- endfor %}
        else {{ health.weights[component] }}
    end
{%- endmacro %}


{# The weights of all components together, known or not. #}
{% macro weight_of_all(health) %}
    {%- if health.types -%}
    case
        {%- for type, weights in health.types.items() %}
        when customer_type = {{ dbt.string_literal(type) }} then {{ weights.values() | sum }}
        {%- endfor %}
        else {{ health.weights.values() | sum }}
    end
    {%- else -%}
    {{ health.weights.values() | sum }}
    {%- endif -%}
{%- endmacro %}
