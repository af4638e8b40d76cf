{# A view is made anew only when its text or its descriptions have changed, or when it is gone: a night meets some forty of
   them. The digest of both stands as a comment on the view's rule, where it lives and dies with the view. #}
{% materialization view, adapter='postgres' %}
    {%- set digest = local_md5(sql ~ model.description ~ model.columns.values() | map(attribute='description') | join) -%}
    {%- call statement('main', fetch_result=True, auto_begin=False) -%}
        select obj_description(oid, 'pg_rewrite') as digest
        from pg_rewrite
        where ev_class = to_regclass('{{ this.include(database=false) }}') and rulename = '_RETURN'
    {%- endcall -%}
    {%- if load_result('main').table.rows | map(attribute=0) | list == [digest] -%}
        {{ return({'relations': [this.incorporate(type='view')]}) }}
    {%- endif -%}
    {%- set made = dbt.materialization_view_default() -%}
    {%- call statement('digest') -%}
        comment on rule "_RETURN" on {{ this }} is '{{ digest }}'
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ return(made) }}
{% endmaterialization %}
