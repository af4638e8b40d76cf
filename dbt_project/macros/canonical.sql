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
{#- Several streams of one source may tell of one record: of each column, the stream that is named first and has it. #}
{%- set whole = [] -%}
select
    source,
    {%- for name, type in spec.columns.items() %}
    {%- if name in spec.key %}
    {{ name }},
    {%- else %}
    {{ canonical_first(feeds, name, type) }} as {{ name }},
    {%- endif %}
    {%- endfor %}
    {%- if spec.refers %}
    {{ canonical_first(feeds, 'account_source', 'text', everywhere=true) }} as account_source,
    {%- endif %}
    max(_loaded_at) as _loaded_at,
    max(_batch_id) as _batch_id
from (
    {%- for feed in feeds %}
    {%- if not feed.partial %}{% do whole.append(loop.index) %}{% endif %}
    {{ canonical_feed(spec, feed, loop.index, with_feed=true) }}
    {%- if not loop.last %}
    union all
    {%- endif -%}
    {%- endfor %}
) as united
group by source, {{ spec.key | join(', ') }}
{%- if whole | length < feeds | length %}
{#- A stream that only adds to records makes none. #}
having max(case when _feed in ({{ whole | join(', ') }}) then 1 else 0 end) = 1
{%- endif %}
{%- endif -%}
{% endmacro %}


{% macro canonical_first(feeds, name, type, everywhere=false) %}
{%- set told = [] -%}
{%- for feed in feeds if everywhere or name in feed.columns -%}{%- do told.append(feeds.index(feed) + 1) -%}{%- endfor -%}
{%- if not told -%}
cast(null as {{ canonical_type(type) }})
{%- elif type == 'boolean' -%}
coalesce(
    {%- for number in told %}
    max(case when _feed = {{ number }} and {{ name }} is not null then case when {{ name }} then 1 else 0 end end)
    {{- ', ' if not loop.last }}
    {%- endfor %}
) = 1
{%- else -%}
coalesce({% for number in told %}max(case when _feed = {{ number }} then {{ name }} end){{ ', ' if not loop.last }}{% endfor %})
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


{# Which records of an entity rows belonged to that were changed or removed since the last build: some columns of them.
   Conditions do not count here: a record that no longer meets one is gone as well. #}
{% macro canonical_past(entity, columns) %}
{%- set refers = var('entities')[entity].refers -%}
{%- for feed in var('canonical').get(entity, []) %}
select distinct
    cast('{{ entity }}' as {{ type_text() }}) as entity,
    cast('{{ feed.source }}' as {{ type_text() }}) as source,
    cast('{{ feed.account_source or feed.source if refers else feed.source }}' as {{ type_text() }}) as account_source
    {%- for alias, name in columns.items() %},
    {{ feed.columns[name] if name in feed.columns else 'cast(null as ' ~ type_text() ~ ')' }} as {{ alias }}
    {%- endfor %}
from {{ past_rows(source(feed.source, feed.table)) }}
{{ 'union all' if not loop.last }}
{%- endfor -%}
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
