{# At least one row; every other test passes on an empty table. #}
{% test not_empty(model) %}
select found.rows_found
from (select count(*) as rows_found from {{ model }}) as found
where found.rows_found = 0
{% endtest %}
