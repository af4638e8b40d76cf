{# What dbt asks of PostgreSQL's catalogue and writes into it for each model, in a form that costs a night little. dbt's
   own reads information_schema, whose views join a dozen tables and look at rights, several times a model. #}
{% macro postgres__get_columns_in_relation(relation) %}
    {%- call statement('get_columns_in_relation', fetch_result=True) %}
        select
            attribute.attname as column_name,
            format_type(attribute.atttypid, null) as data_type,
            information_schema._pg_char_max_length(attribute.atttypid, attribute.atttypmod) as character_maximum_length,
            information_schema._pg_numeric_precision(attribute.atttypid, attribute.atttypmod) as numeric_precision,
            information_schema._pg_numeric_scale(attribute.atttypid, attribute.atttypmod) as numeric_scale
        from pg_attribute as attribute
        where
            attribute.attrelid = to_regclass('{{ relation.include(database=false) }}')
            and attribute.attnum > 0
            and not attribute.attisdropped
        order by attribute.attnum
    {%- endcall -%}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}


{# Descriptions as comments: those that are not there yet. An incremental model keeps its table, and with it its comments. #}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) %}
    {%- set name = relation.include(database=false) -%}
    {%- set found = {} -%}
    {%- for row in run_query(
        "select coalesce(attribute.attname, ''), described.description from (select to_regclass('" ~ name ~ "') as oid)"
        ~ " as relation left join pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attnum > 0"
        ~ " and not attribute.attisdropped left join pg_description as described on described.objoid = relation.oid"
        ~ " and described.classoid = cast('pg_class' as regclass) and described.objsubid = attribute.attnum"
        ~ " union all select '', obj_description(to_regclass('" ~ name ~ "'), 'pg_class')"
    ).rows -%}
        {%- do found.update({row[0]: row[1] or ''}) -%}
    {%- endfor -%}
    {%- set comments = [] -%}
    {%- if for_relation and config.persist_relation_docs() and model.description and found[''] != model.description -%}
        {%- do comments.append(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() -%}
        {%- for column in model.columns.values() if column.name in found and found[column.name] != column.description -%}
            {%- do comments.append(
                'comment on column ' ~ relation ~ '.' ~ adapter.quote(column.name) ~ ' is '
                ~ postgres_escape_comment(column.description) ~ ';'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if comments -%}{%- do run_query(comments | join('\n')) -%}{%- endif -%}
{% endmacro %}
