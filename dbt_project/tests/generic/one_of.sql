{# Every row of the dates of this run has one of the values; none is null. Older rows were tested when they were written. #}
{% test one_of(model, column_name, values) %}
select {{ column_name }}
from {{ model }}
where
    coalesce({{ column_name }} not in ('{{ values | join("', '") }}'), true)
    and {{ is_requested_date() }}
{% endtest %}
