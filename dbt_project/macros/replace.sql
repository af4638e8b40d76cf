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
    {{ return(replace_where(arg_dict, '(customer_id, day) in (' ~ touched_days() ~ ')')) }}
{% endmacro %}


{% macro get_incremental_replace_past_sql(arg_dict) %}
    {%- set until = "cast('" ~ settled_until() ~ "' as date)" -%}
    {{ return(replace_where(
        arg_dict, 'customer_id in (' ~ touched_past(until) ~ ')' if settled_day_stays() else '1 = 1'
    )) }}
{% endmacro %}


{% macro get_incremental_replace_dates_sql(arg_dict) %}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ is_requested_date(as_of_dates()) }};
    {%- for day in as_of_dates() %}

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'].incorporate(
        path={'identifier': arg_dict['temp_relation'].identifier ~ ('_' ~ loop.index if not loop.first else '')}
    ) }};
    {%- endfor %}
{% endmacro %}


{# The rows of a date depend on nothing that the model holds already, so that they need no table between: what dbt makes as
   a temporary table is a view for each date, and each row is written once. #}
{% macro postgres__create_table_as(temporary, relation, sql) %}
    {%- if config.get('incremental_strategy') == 'replace_dates' and as_of_dates() %}
        {%- set first = sql | replace(each_date(), as_of_dates()[0]) %}
        {%- if temporary %}
    create temporary view {{ relation }} as
            {%- if config.get('contract').enforced %}{{ get_assert_columns_equivalent(first) }}{% endif %}
    {{ first }};
        {%- else %}
    {{ dbt.postgres__create_table_as(temporary, relation, first) }}
        {%- endif %}
        {%- for day in as_of_dates()[1:] %}
            {%- set one_date = sql | replace(each_date(), day) %}
            {%- if temporary %}
    create temporary view {{ relation.incorporate(path={'identifier': relation.identifier ~ '_' ~ (loop.index + 1)}) }} as
    {{ one_date }};
            {%- else %}
    insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }})
    {{ get_select_subquery(one_date) }};
            {%- endif %}
        {%- endfor %}
    {%- else -%}
    {{ dbt.postgres__create_table_as(temporary, relation, sql) }}
    {%- endif -%}
{% endmacro %}


{% macro get_incremental_replace_labels_sql(arg_dict) %}
    {{ return(replace_where(arg_dict, is_unsettled_label())) }}
{% endmacro %}


{# These also forget what its source no longer has. #}
{% macro get_incremental_replace_accounts_sql(arg_dict) %}
    {%- set condition -%}
        (source, account_id) in (
            select source, account_id from {{ arg_dict['temp_relation'] }}
            union
            select account_source, account_id from {{ ref('int_past_records') }}
        )
    {%- endset -%}
    {{ return(replace_where(arg_dict, condition)) }}
{% endmacro %}


{% macro replace_keys(arg_dict, key, touched) %}
    {%- set condition -%}
        {{ key }} in (
            select {{ key }} from {{ arg_dict['temp_relation'] }}
            union
            select {{ key }} from {{ touched }}
        )
    {%- endset -%}
    {{ return(replace_where(arg_dict, condition)) }}
{% endmacro %}


{% macro get_incremental_replace_orders_sql(arg_dict) %}
    {{ return(replace_keys(arg_dict, 'order_key', ref('int_touched_orders'))) }}
{% endmacro %}


{% macro get_incremental_replace_invoices_sql(arg_dict) %}
    {{ return(replace_keys(arg_dict, 'invoice_key', ref('int_touched_invoices'))) }}
{% endmacro %}


{% macro get_incremental_replace_kpi_months_sql(arg_dict) %}
    {{ return(replace_where(arg_dict, kpi_month_is_due('month') ~ ' and not ' ~ kpi_month_stands())) }}
{% endmacro %}
