{#- Written anew by each build, from what was changed in the raw tables since the last one. -#}
{%- set parents = {'order_line': 'order_id', 'payment': 'invoice_id'} %}
{%- set fed = [] %}
{%- for entity, spec in var('entities', {}).items() if spec.refers or entity in ('account', 'order_line') %}
{%- if feeds_of(entity) %}{% do fed.append(entity) %}{% endif %}
{%- endfor -%}
{#- What belongs to another record has gone with it, and what belongs to that. -#}
{%- set generations = canonical_generations() -%}
with past as (
    {%- for entity in fed %}
    {{ canonical_past(entity, {
        'record_id': var('entities')[entity].key[0],
        'account_id': 'account_id',
        'parent_id': parents.get(entity),
    }) }}
    union all
    {%- endfor %}
    select
        cast(null as {{ type_text() }}) as entity,
        cast(null as {{ type_text() }}) as source,
        cast(null as {{ type_text() }}) as account_source,
        cast(null as {{ type_text() }}) as record_id,
        cast(null as {{ type_text() }}) as account_id,
        cast(null as {{ type_text() }}) as parent_id
    where 1 = 0
),

{% for number in range(1, generations + 1) %}
{%- set before = 'past' if number == 1 else 'children_' ~ (number - 1) %}
children_{{ number }} as (
    {{ canonical_children(before, parents) }}
),

{% endfor -%}
everything as (
    select entity, source, record_id, account_source, account_id, parent_id from past
    {%- for number in range(1, generations + 1) %}
    union
    select entity, source, record_id, account_source, account_id, parent_id from children_{{ number }}
    {%- endfor %}
),

final as (
    select entity, source, record_id, account_source, account_id, parent_id
    from everything
    where 1 = {{ 0 if flags.FULL_REFRESH else 1 }}
)

select * from final
