{{ config(indexes=[{'columns': ['customer_id'], 'unique': true}]) }}
{%- set attributes = ['name', 'segment', 'industry', 'region', 'country', 'city', 'email', 'owner_key'] -%}
with identity as (
    select * from {{ ref('int_account_identity') }}
),

records as (
    select
        identity.customer_id,
        accounts.*,
        accounts.source || '|' || accounts.owner_id as owner_key
    from {{ ref('stg_accounts') }} as accounts
    inner join identity on accounts.source = identity.source and accounts.account_id = identity.account_id
),

told as (
    {%- for attribute in attributes %}
    select customer_id, '{{ attribute }}' as attribute, trim({{ attribute }}) as value, source, account_id
    from records
    where trim({{ attribute }}) <> ''
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

ranked as (
    -- Of several sources the first in the alphabet that says anything is believed: arbitrary, but the same every day.
    select
        told.*,
        row_number() over (partition by customer_id, attribute order by source, account_id) as place
    from told
),

attributes as (
    select
        customer_id
        {%- for attribute in attributes %},
        max(case when attribute = '{{ attribute }}' then value end) as {{ attribute }}
        {%- endfor %}
    from ranked
    where place = 1
    group by customer_id
),

owners as (
    select source || '|' || owner_id as owner_key, owner_id, name, email, locale, time_zone from {{ ref('stg_owners') }}
),

contacts as (
    select
        identity.customer_id,
        contacts.name,
        contacts.email,
        contacts.role,
        row_number() over (
            partition by identity.customer_id
            order by
                case when contacts.email is null then 1 else 0 end,
                case lower(trim(contacts.role))
                    when 'sponsor' then 1
                    when 'buyer' then 2
                    when 'user' then 3
                    else 4
                end,
                contacts.source,
                contacts.contact_id
        ) as place
    from {{ ref('stg_contacts') }} as contacts
    inner join identity on contacts.account_source = identity.source and contacts.account_id = identity.account_id
),

customers as (
    select
        identity.customer_id,
        count(distinct identity.source) as source_count,
        min(records.created_at) as created_at
    from identity
    left join records on identity.source = records.source and identity.account_id = records.account_id
    group by identity.customer_id
),

first_events as (
    -- Looked up for each customer, which reads one row of the index and not all of the days.
    select
        customers.customer_id,
        (
            select min(days.day) from {{ ref('int_customer_days') }} as days
            where days.customer_id = customers.customer_id
        ) as first_day
    from customers
),

final as (
    select
        customers.customer_id,
        attributes.name,
        attributes.segment,
        attributes.industry,
        attributes.region,
        attributes.country,
        attributes.city,
        owners.owner_key,
        owners.owner_id,
        owners.name as owner_name,
        owners.email as owner_email,
        owners.locale as owner_locale,
        owners.time_zone as owner_time_zone,
        attributes.email,
        contacts.name as contact_name,
        contacts.email as contact_email,
        contacts.role as contact_role,
        least(customers.created_at, {{ midnight('first_events.first_day') }}) as first_seen_at,
        cast(customers.source_count as integer) as source_count
    from customers
    left join attributes on customers.customer_id = attributes.customer_id
    left join owners on attributes.owner_key = owners.owner_key
    left join contacts on customers.customer_id = contacts.customer_id and contacts.place = 1
    left join first_events on customers.customer_id = first_events.customer_id
)

select * from final
