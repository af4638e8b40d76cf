{# Incremental strategies: delete what a condition names, then insert what the model selects, in dbt's one transaction.
   Unlike delete+insert they also remove rows that the model no longer has. The conditions are written here and not in
   the models' configuration, because at parse time dbt does not know yet which relation a ref is. #}
{% macro replace_where(arg_dict, condition) %}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ condition }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}


{% macro get_incremental_replace_all_sql(arg_dict) %}
    {{ return(replace_where(arg_dict, '1 = 1')) }}
{% endmacro %}


{% macro get_incremental_replace_days_sql(arg_dict) %}
    {{ return(replace_where(arg_dict, '(customer_id, day) in (' ~ touched_days(arg_dict['target_relation']) ~ ')')) }}
{% endmacro %}


{% macro get_incremental_replace_buyers_sql(arg_dict) %}
    {{ return(replace_where(arg_dict, 'customer_id in (' ~ touched_buyers(arg_dict['target_relation']) ~ ')')) }}
{% endmacro %}


{% macro get_incremental_replace_dates_sql(arg_dict) %}
    {{ return(replace_where(arg_dict, is_requested_date())) }}
{% endmacro %}


{% macro get_incremental_replace_labels_sql(arg_dict) %}
    {{ return(replace_where(arg_dict, is_unsettled_label())) }}
{% endmacro %}


{# Also forgets orders that their source no longer has. #}
{% macro get_incremental_replace_orders_sql(arg_dict) %}
    {%- set condition -%}
        order_key in (select written.order_key from {{ arg_dict['temp_relation'] }} as written)
        or not exists (
            select 1
            from {{ ref('stg_orders') }} as orders
            where orders.source = {{ arg_dict['target_relation'] }}.source
                and orders.order_id = {{ arg_dict['target_relation'] }}.order_id
        )
    {%- endset -%}
    {{ return(replace_where(arg_dict, condition)) }}
{% endmacro %}
