{# The streams that feed an entity. Forewarn tells dbt of each entity by itself, in the environment: where a mapping is another
   than the night before, dbt parses the models of that entity anew, and for a variable it would parse all. #}
{% macro feeds_of(entity) %}
    {%- set given = var('canonical') -%}
    {{ return(given.get(entity, []) if given else fromjson(env_var('FOREWARN_FEEDS_' ~ entity | upper, '[]'))) }}
{% endmacro %}


{# The rows of one canonical entity: every stream that feeds it, typed and united. #}
{% macro canonical(entity) %}
{%- set spec = var('entities').get(entity) -%}
{%- if not spec and not execute -%}
{#- dbt and sqlfluff can parse the project without Forewarn; only Forewarn can run it. -#}
{{ return('select 1 as nothing') }}
{%- elif not spec -%}
{{ exceptions.raise_compiler_error("The variable `entities` is empty: build with `forewarn run build`, not with dbt alone.") }}
{%- endif -%}
{%- set feeds = feeds_of(entity) -%}
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
{%- if feed.belongs_to -%}
{{ canonical_of_parent(spec, feed, number, with_feed) }}
{%- else -%}
{{ canonical_told(spec, feed, number, with_feed) }}
{%- endif -%}
{% endmacro %}


{# The rows of a stream as it tells them. Where it looks something up, a row is new when it or what it looks up is: there is
   a part for each of them that may have landed last, so that a condition on _batch_id reads only what is new there. #}
{% macro canonical_told(spec, feed, number, with_feed=false) %}
{%- set lookups = feed.lookups or [] -%}
{%- for last in range(1 if feed.distinct else lookups | length + 1) %}
{{ canonical_landed_last(spec, feed, number, with_feed, last) }}
{{- ' union all' if not loop.last }}
{%- endfor -%}
{% endmacro %}


{% macro canonical_landed_last(spec, feed, number, with_feed, last) %}
{%- set relation = source(feed.source, feed.table) -%}
{%- set lookups = feed.lookups or [] -%}
{%- set batches = ['_batch_id'] -%}
{%- for one in lookups %}{% do batches.append('coalesce(_batch_id_' ~ loop.index ~ ', -1)') %}{% endfor -%}
{%- set conditions = ['(' ~ feed.where ~ ')'] if feed.where else [] -%}
{%- for other in batches -%}
    {%- if loop.index0 != last and not feed.distinct -%}
        {#- Of those that landed together, the first: the row itself before what it looks up. -#}
        {%- do conditions.append(
            ('_batch_id_' ~ last if last else '_batch_id') ~ (' > ' if loop.index0 < last else ' >= ') ~ other
        ) -%}
    {%- endif -%}
{%- endfor -%}
{%- set newest = 'greatest(' ~ batches | join(', ') ~ ')' if lookups else '_batch_id' -%}
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
    {%- for parent_id in (feed.belongs_to or {}).values() %}
    {{ parent_id }} as _parent_id,
    {%- endfor %}
    _loaded_at,
    {{ '_newest_batch_id' if feed.distinct else '_batch_id_' ~ last if last else '_batch_id' }}
    {{- ' as _batch_id' if feed.distinct or last }}
from
{%- if feed.distinct %} (
    select
        raw.*,
        {%- for one in lookups %}
        looked_up_{{ loop.index }}.*,
        {%- endfor %}
        {#- Which row stands for the record must not depend on the order in which PostgreSQL happens to read. #}
        row_number() over (partition by {{ canonical_keys(spec, feed) }} order by _loaded_at, _row_hash) as _record_rank,
        max({{ newest }}) over (partition by {{ canonical_keys(spec, feed) }}) as _newest_batch_id
    from {{ relation }} as raw{{ canonical_lookups(feed) }}
    {%- if conditions %}
    where {{ conditions | join(' and ') }}
    {%- endif %}
) as ranked
where _record_rank = 1
{%- else %} {{ relation }}{{ canonical_lookups(feed) }}
{%- if conditions %}
where {{ conditions | join(' and ') }}
{%- endif -%}
{%- endif -%}
{% endmacro %}


{# The joins that bring what a stream looks up; each also has the _batch_id of its row as _batch_id_N. #}
{% macro canonical_lookups(feed) %}
{%- for one in feed.lookups or [] %}
{{ one.join | replace('{relation}', source(feed.source, one.table) | string) }}
{%- endfor -%}
{% endmacro %}


{# What rows are looked up in vain: each number of each stream, with how many records miss it. #}
{% macro canonical_missed_lookups() %}
{%- for entity in var('entities') -%}
{%- for feed in feeds_of(entity) -%}
{%- for one in feed.lookups or [] %}
select
    cast('{{ entity }}' as {{ type_text() }}) as entity,
    cast('{{ feed.source }}' as {{ type_text() }}) as source,
    cast('{{ feed.table }}' as {{ type_text() }}) as stream,
    cast('{{ one.table }}' as {{ type_text() }}) as looked_up_stream,
    {{ one.by | join(" || ', ' || ") }} as number,
    count(*) as records
from {{ source(feed.source, feed.table) }}{{ canonical_lookups(feed) }}
where _batch_id_{{ loop.index }} is null{{ ' and (' ~ feed.where ~ ')' if feed.where }}
{%- for by in one.by %} and {{ by }} is not null{% endfor %}
group by {{ one.by | join(', ') }}
union all
{% endfor -%}
{%- endfor -%}
{%- endfor %}
select
    {%- for name in ['entity', 'source', 'stream', 'looked_up_stream', 'number'] %}
    cast(null as {{ type_text() }}) as {{ name }},
    {%- endfor %}
    cast(null as {{ type_bigint() }}) as records
where 1 = 0
{% endmacro %}


{# Rows that belong to another record: its customer is theirs where they name none, its moment where they tell none, and
   they are known once it is. A row whose parent has not come is not there yet (int_orphans has it). It is new when either
   is: the two parts are told apart by which landed later, so that a condition on _batch_id reads only rows of that side. #}
{% macro canonical_of_parent(spec, feed, number, with_feed=false) %}
{%- set parent = feed.belongs_to.keys() | first -%}
{%- set of = var('entities')[parent] -%}
{%- set own_account = 'account_id' in feed.columns -%}
{%- set known = [] -%}
{%- if of.moment %}{% do known.append('parent.' ~ of.moment) %}{% endif -%}
{%- if 'known_at' in of.columns %}{% do known.append('parent.known_at') %}{% endif -%}
{%- for parent_is_newer in [false, true] %}
select
    told.source,
    {%- for name in spec.columns %}
    {%- if name == 'account_id' %}
    coalesce(told.account_id, parent.account_id) as account_id,
    {%- elif name == spec.moment and name not in feed.columns and of.moment %}
    parent.{{ of.moment }} as {{ name }},
    {%- elif name == 'known_at' and known %}
    case
        when told.account_id is not null then told.known_at
        else greatest(told.known_at, told.{{ spec.moment }}, {{ known | join(', ') }})
    end as known_at,
    {%- else %}
    told.{{ name }},
    {%- endif %}
    {%- endfor %}
    case when told.account_id is null then parent.account_source else told.account_source end as account_source,
    {%- if with_feed %}
    told._feed,
    {%- endif %}
    told._loaded_at,
    {{ 'parent' if parent_is_newer else 'told' }}._batch_id
from ({{ canonical_told(spec, feed, number, with_feed) }}) as told
{{ 'left' if own_account and not parent_is_newer else 'inner' }} join {{ ref(of.model) }} as parent
    on parent.source = '{{ feed.account_source }}' and told._parent_id = parent.{{ of.key[0] }}
where
    {%- if parent_is_newer %}
    parent._batch_id > told._batch_id
    {%- elif own_account %}
    (parent._batch_id is null or parent._batch_id <= told._batch_id)
    and (told.account_id is not null or parent.account_id is not null)
    {%- else %}
    parent._batch_id <= told._batch_id
    {%- endif %}
{{ 'union all' if not parent_is_newer }}
{%- endfor %}
{% endmacro %}


{# Records whose parent has not come: they are nobody's until then. #}
{% macro canonical_orphans() %}
{%- for entity, spec in var('entities').items() -%}
{%- for feed in feeds_of(entity) if feed.belongs_to -%}
{%- set parent = feed.belongs_to.keys() | first -%}
{%- set of = var('entities')[parent] %}
select
    cast('{{ entity }}' as {{ type_text() }}) as entity,
    told.source,
    told.{{ spec.key[0] }} as record_id,
    cast('{{ parent }}' as {{ type_text() }}) as parent_entity,
    cast('{{ feed.account_source }}' as {{ type_text() }}) as parent_source,
    told._parent_id as parent_id,
    case
        when told._parent_id is null then 'it names no {{ parent }}'
        when parent.{{ of.key[0] }} is null then 'no {{ parent }} has this number'
        else 'nobody knows whose {{ parent }} it is'
    end as reason,
    told._loaded_at,
    told._batch_id
from ({{ canonical_told(spec, feed, 1) }}) as told
left join {{ ref(of.model) }} as parent
    on parent.source = '{{ feed.account_source }}' and told._parent_id = parent.{{ of.key[0] }}
where told.account_id is null and parent.account_id is null
union all
{% endfor -%}
{%- endfor %}
select
    {%- for name in ['entity', 'source', 'record_id', 'parent_entity', 'parent_source', 'parent_id', 'reason'] %}
    cast(null as {{ type_text() }}) as {{ name }},
    {%- endfor %}
    cast(null as {{ canonical_type('timestamptz') }}) as _loaded_at,
    cast(null as {{ type_bigint() }}) as _batch_id
where 1 = 0
{% endmacro %}


{# How often a record may belong to one that belongs to another. #}
{% macro canonical_generations() %}
    {%- set entities = [] -%}
    {%- for entity in var('entities') if feeds_of(entity) | selectattr('belongs_to') | list -%}
        {%- do entities.append(entity) -%}
    {%- endfor -%}
    {{ return(entities | length) }}
{% endmacro %}


{# What belongs to the records of a relation, with the columns of int_past_records. #}
{% macro canonical_children(relation, parents) %}
{%- set selects = [] -%}
{%- for entity, spec in var('entities').items() -%}
{%- for feed in feeds_of(entity) if feed.belongs_to -%}
{%- set select_children %}
    select
        cast('{{ entity }}' as {{ type_text() }}) as entity,
        told.source,
        cast('{{ feed.account_source }}' as {{ type_text() }}) as account_source,
        told.{{ spec.key[0] }} as record_id,
        cast(null as {{ type_text() }}) as account_id,
        {{ 'told.' ~ parents[entity] if entity in parents else 'cast(null as ' ~ type_text() ~ ')' }} as parent_id
    from {{ relation }} as before
    inner join ({{ canonical_told(spec, feed, 1) }}) as told on before.record_id = told._parent_id
    where before.entity = '{{ feed.belongs_to.keys() | first }}' and before.source = '{{ feed.account_source }}'
{%- endset -%}
{%- do selects.append(select_children) -%}
{%- endfor -%}
{%- endfor -%}
{{ selects | join('
    union') }}
{% endmacro %}


{# Which records of an entity rows belonged to that were changed or removed since the last build: some columns of them.
   Conditions do not count here: a record that no longer meets one is gone as well. #}
{% macro canonical_past(entity, columns) %}
{%- set refers = var('entities')[entity].refers -%}
{%- for feed in feeds_of(entity) %}
{%- set told %}
select distinct
    cast('{{ entity }}' as {{ type_text() }}) as entity,
    cast('{{ feed.source }}' as {{ type_text() }}) as source,
    cast('{{ feed.account_source or feed.source if refers else feed.source }}' as {{ type_text() }}) as account_source
    {%- for alias, name in columns.items() %},
    {{ feed.columns[name] if name in feed.columns else 'cast(null as ' ~ type_text() ~ ')' }} as {{ alias }}
    {%- endfor %}
{%- endset %}
{{ told }}
from {{ past_rows(source(feed.source, feed.table)) }}
{%- for one in feed.lookups or [] %}
{#- What a row looked up that is no longer there is gone from its record. #}
union all
{{ told }}
from {{ source(feed.source, feed.table) }}{{ canonical_lookups(feed) }}
where ({{ one.by | join(', ') }}) in (
    select {{ one.key | join(', ') }} from {{ past_rows(source(feed.source, one.table)) }}
)
{%- endfor %}
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
    {%- for feed in feeds_of(entity) if column is none or column in feed.columns -%}
        {%- if loop.first %}{{ return(true) }}{% endif -%}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}


{# A view, unless rows must be ranked to find one per record: then it is done once a run and not once a reader. #}
{% macro canonical_materialization(entity) %}
    {%- set feeds = feeds_of(entity) -%}
    {%- set sources = feeds | map(attribute='source') | list -%}
    {%- set ranked = feeds | selectattr('distinct') | list or sources | length != sources | unique | list | length -%}
    {{ return('table' if ranked else 'view') }}
{% endmacro %}
