{# The grain: no two rows share these columns, and none of the columns is null. New rows are compared with all.
   `at_night=false` is for views that do not tell which of their rows are new and that would have to be computed whole: a
   build from nothing and `dbt test` look at them; at night the tests of the tables below them do. #}
{% test one_row_per(model, columns, at_night=true) %}
{%- set new = is_new_row(model) if at_night or looks_at_all() else '1 = 0' -%}
select {{ columns | join(', ') }}, count(*) as rows_found
from {{ model }}
{%- if new != '1 = 1' %}
where ({{ columns | join(', ') }}) in (select {{ columns | join(', ') }} from {{ model }} where {{ new }})
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1{% for column in columns %} or {{ column }} is null{% endfor %}
{%- if new != '1 = 1' %}
union all
-- A null equals nothing, so that the comparison above does not find it.
select {{ columns | join(', ') }}, 1 as rows_found
from {{ model }}
where {{ new }} and ({% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %})
{%- endif %}
{% endtest %}
