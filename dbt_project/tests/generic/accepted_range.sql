{# Values that are not null lie within the bounds, both included. `only_requested` looks at the dates of this run alone. #}
{% test accepted_range(model, column_name, minimum=none, maximum=none, only_requested=false) %}
select {{ column_name }}
from {{ model }}
where
    (
        1 = 0
        {%- if minimum is not none %}
        or {{ column_name }} < {{ minimum }}
        {%- endif %}
        {%- if maximum is not none %}
        or {{ column_name }} > {{ maximum }}
        {%- endif %}
    )
    {%- if only_requested %}
    and {{ is_requested_date() }}
    {%- endif %}
{% endtest %}
