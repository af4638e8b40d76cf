{{ config(materialized='view') }}
{%- set written = [
    ('ticket', 'stg_tickets', 'ticket_id', 'opened_at', 'subject'),
    ('survey_response', 'stg_survey_responses', 'survey_response_id', 'answered_at', 'body'),
    ('review', 'stg_reviews', 'review_id', 'posted_at', 'body'),
    ('mention', 'stg_mentions', 'mention_id', 'posted_at', 'body'),
] %}
with texts as (
    {%- for entity, model, key, moment, text in written %}
    select
        cast('{{ entity }}' as {{ type_text() }}) as entity,
        source,
        {{ key }} as record_id,
        account_source,
        account_id,
        {{ utc_day(moment) }} as day,
        {{ utc_day(known_after(moment)) }} as known_day
    from {{ ref(model) }}
    where trim({{ text }}) <> ''
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

readings as (
    select * from {{ source('words', 'reading') }}
),

subjects as (
    select
        entity,
        source,
        record_id,
        count(*) filter (where kind = 'competitor') as competitors,
        count(*) filter (where kind = 'topic' and name = 'discount') as discounts
    from {{ source('words', 'subject') }}
    group by entity, source, record_id
),

final as (
    select
        texts.entity,
        texts.source,
        texts.record_id,
        identity.customer_id,
        texts.day,
        texts.known_day,
        readings.record_id is not null as is_read,
        readings.language,
        -- Exact, so that a mean does not depend on the order in which rows are added.
        cast(readings.sentiment as {{ canonical_type('numeric') }}) as sentiment,
        readings.tone,
        coalesce(subjects.competitors, 0) as competitors,
        coalesce(subjects.discounts, 0) > 0 as asks_discount
    from texts
    inner join identity on texts.account_source = identity.source and texts.account_id = identity.account_id
    left join readings
        on
            texts.entity = readings.entity
            and texts.source = readings.source
            and texts.record_id = readings.record_id
    left join subjects
        on
            texts.entity = subjects.entity
            and texts.source = subjects.source
            and texts.record_id = subjects.record_id
)

select * from final
