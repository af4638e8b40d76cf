{{ config(contract={'enforced': true}, indexes=[{'columns': ['customer_id', 'valid_from'], 'unique': true}]) }}
{%- set attributes = ['segment', 'industry', 'region', 'country', 'city', 'owner_key'] -%}
with versions as (
    select
        identity.customer_id,
        versions.*,
        versions.source || '|' || versions.owner_id as owner_key
    from {{ ref('account_versions') }} as versions
    inner join {{ ref('int_account_identity') }} as identity
        on versions.source = identity.source and versions.account_id = identity.account_id
),

-- The days on which anything about any of the customer's accounts changed.
changes as (
    select customer_id, valid_from as day from versions
    union
    select customer_id, valid_to as day from versions where valid_to is not null
),

periods as (
    select
        customer_id,
        day as valid_from,
        lead(day) over (partition by customer_id order by day) as valid_to
    from changes
),

standing as (
    select periods.valid_from as period_from, periods.valid_to as period_to, versions.*
    from periods
    inner join versions
        on
            periods.customer_id = versions.customer_id
            and versions.valid_from <= periods.valid_from
            and (versions.valid_to is null or versions.valid_to > periods.valid_from)
),

told as (
    {%- for attribute in attributes %}
    select customer_id, period_from, '{{ attribute }}' as attribute, trim({{ attribute }}) as value, source, account_id
    from standing
    where trim({{ attribute }}) <> ''
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

ranked as (
    -- As in dim_customers: of several sources the first in the alphabet that says anything is believed.
    select
        told.*,
        row_number() over (partition by customer_id, period_from, attribute order by source, account_id) as place
    from told
),

attributes as (
    select
        customer_id,
        period_from
        {%- for attribute in attributes %},
        max(case when attribute = '{{ attribute }}' then value end) as {{ attribute }}
        {%- endfor %}
    from ranked
    where place = 1
    group by customer_id, period_from
),

owners as (
    select source || '|' || owner_id as owner_key, name, team, valid_from, valid_to from {{ ref('owner_versions') }}
),

final as (
    select
        known.customer_id,
        known.period_from as valid_from,
        known.period_to as valid_to,
        {%- for attribute in attributes %}
        attributes.{{ attribute }},
        {%- endfor %}
        owners.name as owner_name,
        owners.team as owner_team,
        row_number() over (partition by known.customer_id order by known.period_from) = 1 as is_first
    from (select distinct customer_id, period_from, period_to from standing) as known
    left join attributes
        on known.customer_id = attributes.customer_id and known.period_from = attributes.period_from
    -- The owner as he or she was when the period began; a change of team within it is a version of the owner alone.
    left join owners
        on
            attributes.owner_key = owners.owner_key
            and owners.valid_from <= known.period_from
            and (owners.valid_to is null or owners.valid_to > known.period_from)
)

select * from final
