{# In the place of dbt's own: looks at new rows only. #}
{% test accepted_values(model, column_name, values) %}
select {{ column_name }}, count(*) as rows_found
from {{ model }}
where {{ column_name }} not in ('{{ values | join("', '") }}') and {{ is_new_row(model) }}
group by {{ column_name }}
{% endtest %}
