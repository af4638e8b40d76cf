{# The rows of one canonical entity: every stream that feeds it, typed and united. #}
{% macro canonical(entity) %}
{%- set spec = var('entities').get(entity) -%}
{%- if not spec and not execute -%}
{#- dbt and sqlfluff can parse the project without Forewarn; only Forewarn can run it. -#}
{{ return('select 1 as nothing') }}
{%- elif not spec -%}
{{ exceptions.raise_compiler_error("The variable `entities` is empty: build with `forewarn run build`, not with dbt alone.") }}
{%- endif -%}
{%- set feeds = var('canonical').get(entity, []) -%}
{%- set names = ['source'] + (spec.columns.keys() | list) + (['account_source'] if spec.refers else []) -%}
{%- set sources = feeds | map(attribute='source') | list -%}
{%- if not feeds -%}
{{ canonical_nothing(spec) }}
{%- elif sources | length == sources | unique | list | length -%}
{%- for feed in feeds %}
{{ canonical_feed(spec, feed, loop.index) }}
{%- if not loop.last %}
union all
{%- endif -%}
{%- endfor -%}
{%- else %}
{#- Two streams of one source may tell the same record; the stream that is named first wins. #}
select {{ names | join(', ') }}, _loaded_at, _batch_id
from (
    select
        united.*,
        row_number() over (partition by source, {{ spec.key | join(', ') }} order by _feed) as _feed_rank,
        max(_batch_id) over (partition by source, {{ spec.key | join(', ') }}) as _newest_batch_id
    from (
        {%- for feed in feeds %}
        {{ canonical_feed(spec, feed, loop.index, with_feed=true) }}
        {%- if not loop.last %}
        union all
        {%- endif -%}
        {%- endfor %}
    ) as united
) as ranked
where _feed_rank = 1
{%- endif -%}
{% endmacro %}


{% macro canonical_feed(spec, feed, number, with_feed=false) %}
{%- set relation = source(feed.source, feed.table) -%}
{%- set condition = feed.where or '' -%}
select
    cast('{{ feed.source }}' as {{ type_text() }}) as source,
    {%- for name, type in spec.columns.items() %}
    {{ feed.columns[name] if name in feed.columns else 'cast(null as ' ~ canonical_type(type) ~ ')' }} as {{ name }},
    {%- endfor %}
    {%- if spec.refers %}
    cast('{{ feed.account_source or feed.source }}' as {{ type_text() }}) as account_source,
    {%- endif %}
    {%- if with_feed %}
    {{ number }} as _feed,
    {%- endif %}
    _loaded_at,
    {{ '_newest_batch_id as _batch_id' if feed.distinct else '_batch_id' }}
from
{%- if feed.distinct %} (
    select
        raw.*,
        {#- Which row stands for the record must not depend on the order in which PostgreSQL happens to read. #}
        row_number() over (partition by {{ canonical_keys(spec, feed) }} order by _loaded_at, _row_hash) as _record_rank,
        max(_batch_id) over (partition by {{ canonical_keys(spec, feed) }}) as _newest_batch_id
    from {{ relation }} as raw
    {%- if condition %}
    where {{ condition }}
    {%- endif %}
) as ranked
where _record_rank = 1
{%- else %} {{ relation }}
{%- if condition %}
where {{ condition }}
{%- endif -%}
{%- endif -%}
{% endmacro %}


{% macro canonical_keys(spec, feed) %}
{%- for name in spec.key %}{{ feed.columns[name] }}{{ ', ' if not loop.last }}{% endfor -%}
{% endmacro %}


{% macro canonical_nothing(spec) %}
select
    cast(null as {{ type_text() }}) as source,
    {%- for name, type in spec.columns.items() %}
    cast(null as {{ canonical_type(type) }}) as {{ name }},
    {%- endfor %}
    {%- if spec.refers %}
    cast(null as {{ type_text() }}) as account_source,
    {%- endif %}
    cast(null as {{ canonical_type('timestamptz') }}) as _loaded_at,
    cast(null as {{ type_bigint() }}) as _batch_id
from (select 1 as nothing) as nothing
where 1 = 0
{% endmacro %}


{# Whether any source feeds the entity, or the named column of it: without it a feature is unknown, not zero. #}
{% macro is_fed(entity, column=none) %}
    {%- for feed in var('canonical').get(entity, []) if column is none or column in feed.columns -%}
        {%- if loop.first %}{{ return(true) }}{% endif -%}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}


{# A view, unless rows must be ranked to find one per record: then it is done once a run and not once a reader. #}
{% macro canonical_materialization(entity) %}
    {%- set feeds = var('canonical').get(entity, []) -%}
    {%- set sources = feeds | map(attribute='source') | list -%}
    {%- set ranked = feeds | selectattr('distinct') | list or sources | length != sources | unique | list | length -%}
    {{ return('table' if ranked else 'view') }}
{% endmacro %}
