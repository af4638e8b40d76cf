{# In the place of dbt's own: looks at new rows only. #}
{% test not_null(model, column_name) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is null and {{ is_new_row(model) }}
{% endtest %}
