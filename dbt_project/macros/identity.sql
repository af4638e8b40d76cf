{# Name a customer by its first account: the same in every build, whatever else is found out about it. #}
{% macro customer_id_of(source, account_id) %}
    {{- return('md5(' ~ source ~ " || '|' || " ~ account_id ~ ')') -}}
{% endmacro %}
