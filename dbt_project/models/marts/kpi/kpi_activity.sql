{{ config(
    materialized='incremental',
    incremental_strategy='replace_kpi_months',
    on_schema_change='append_new_columns',
    full_refresh=false,
    contract={'enforced': true},
    indexes=[{'columns': ['month']}],
) }}
{#- Each part gives some of the measures for a customer and month; the rest of them are zero there. -#}
{%- set orders = is_fed('order') %}
{%- set nps = is_fed('survey_response', 'score') %}
{%- set ratings = is_fed('ticket', 'satisfaction') %}
{%- set invoices = is_fed('invoice') and is_fed('payment') %}
{%- set leads = is_fed('lead') %}
{%- set conversions = leads and is_fed('lead', 'converted_at') %}
{%- set deals = is_fed('opportunity', 'closed_at') and is_fed('opportunity', 'outcome') %}
{%- set counts = {
    'orders': orders, 'buyers': orders, 'nps_answers': nps, 'nps_promoters': nps, 'nps_detractors': nps,
    'ratings': ratings, 'ratings_satisfied': ratings, 'leads': leads, 'leads_converted': conversions,
    'opportunities_closed': deals, 'opportunities_won': deals,
} %}
{%- set amounts = {
    'revenue': orders, 'opportunities_won_amount': deals, 'invoiced_90d': invoices, 'receivables': invoices,
} %}
{%- set measures = counts.keys() | list + amounts.keys() | list -%}
with months as (
    {{ kpi_months_rows() }}
),

identity as (
    select source, account_id, customer_id from {{ ref('int_account_identity') }}
),

purchases as (
    select
        months.month,
        days.customer_id,
        sum(days.orders) as orders,
        case when sum(days.orders) > 0 then 1 else 0 end as buyers,
        coalesce(sum(days.revenue), 0) as revenue
    from months
    inner join {{ ref('int_order_days') }} as days
        on
            days.day >= months.month
            and days.day < months.next_month
            and days.known_day < {{ kpi_known_until('months.next_month') }}
    group by months.month, days.customer_id
),

answers as (
    select
        identity.customer_id,
        {{ utc_day('responses.answered_at') }} as day,
        {{ utc_day(known_after('responses.answered_at', 'responses.known_at')) }} as known_day,
        responses.score
    from {{ ref('stg_survey_responses') }} as responses
    inner join identity
        on responses.account_source = identity.source and responses.account_id = identity.account_id
    where lower(trim(responses.kind)) = 'nps' and responses.score is not null
),

recommendations as (
    select
        months.month,
        answers.customer_id,
        count(*) as nps_answers,
        count(*) filter (where answers.score >= 9) as nps_promoters,
        count(*) filter (where answers.score <= 6) as nps_detractors
    from months
    inner join answers
        on
            answers.day >= months.month
            and answers.day < months.next_month
            and answers.known_day < {{ kpi_known_until('months.next_month') }}
    group by months.month, answers.customer_id
),

rated as (
    select
        identity.customer_id,
        {{ utc_day('coalesce(tickets.rated_at, tickets.closed_at, tickets.opened_at)') }} as day,
        {{ utc_day(known_after(
            'coalesce(tickets.rated_at, tickets.closed_at, tickets.opened_at)', 'tickets.known_at'
        )) }} as known_day,
        tickets.satisfaction
    from {{ ref('stg_tickets') }} as tickets
    inner join identity on tickets.account_source = identity.source and tickets.account_id = identity.account_id
    where tickets.satisfaction is not null
),

satisfaction as (
    select
        months.month,
        rated.customer_id,
        count(*) as ratings,
        count(*) filter (where rated.satisfaction >= 4) as ratings_satisfied
    from months
    inner join rated
        on
            rated.day >= months.month
            and rated.day < months.next_month
            and rated.known_day < {{ kpi_known_until('months.next_month') }}
    group by months.month, rated.customer_id
),

billed as (
    select months.month, invoices.customer_id, sum(invoices.amount) as invoiced_90d
    from months
    inner join {{ ref('int_invoices') }} as invoices
        on
            invoices.issued_on >= {{ minus_days('months.next_month', 90) }}
            and invoices.issued_on < months.next_month
            and invoices.known_on < months.next_month
    group by months.month, invoices.customer_id
),

open_invoices as (
    select months.month, months.next_month, invoices.invoice_key, invoices.customer_id, invoices.amount
    from months
    inner join {{ ref('int_invoices') }} as invoices
        on
            invoices.issued_on < months.next_month
            and invoices.known_on < months.next_month
            and (invoices.settled_on is null or invoices.settled_on >= months.next_month)
),

paid_in_part as (
    select open_invoices.month, open_invoices.invoice_key, sum(payments.amount) as amount
    from open_invoices
    inner join {{ ref('int_payments') }} as payments
        on open_invoices.invoice_key = payments.invoice_key and payments.known_on < open_invoices.next_month
    group by open_invoices.month, open_invoices.invoice_key
),

owed as (
    select
        open_invoices.month,
        open_invoices.customer_id,
        sum(open_invoices.amount - coalesce(paid_in_part.amount, 0)) as receivables
    from open_invoices
    left join paid_in_part
        on open_invoices.month = paid_in_part.month and open_invoices.invoice_key = paid_in_part.invoice_key
    group by open_invoices.month, open_invoices.customer_id
),

interests as (
    -- Leads of one address are one interest: it came in with the first and is won with the first that is.
    select
        told.interest,
        max(told.customer_id) as customer_id,
        min(told.day) as day,
        min(told.known_day) as known_day,
        min(told.converted_day) as converted_day
    from (
        select
            identity.customer_id,
            coalesce(lower(trim(leads.email)), leads.source || '|' || leads.lead_id) as interest,
            {{ utc_day('leads.created_at') }} as day,
            {{ utc_day(known_after('leads.created_at', 'leads.known_at')) }} as known_day,
            {{ utc_day('leads.converted_at') }} as converted_day
        from {{ ref('stg_leads') }} as leads
        left join identity on leads.account_source = identity.source and leads.account_id = identity.account_id
    ) as told
    group by told.interest
),

came_in as (
    select months.month, interests.customer_id, count(*) as leads
    from months
    inner join interests
        on
            interests.day >= months.month
            and interests.day < months.next_month
            and interests.known_day < {{ kpi_known_until('months.next_month') }}
    group by months.month, interests.customer_id
),

converted as (
    select months.month, interests.customer_id, count(*) as leads_converted
    from months
    inner join interests
        on interests.converted_day >= months.month and interests.converted_day < months.next_month
    group by months.month, interests.customer_id
),

closed as (
    select
        identity.customer_id,
        {{ utc_day('opportunities.closed_at') }} as day,
        {{ utc_day(known_after('opportunities.closed_at', 'opportunities.known_at')) }} as known_day,
        lower(trim(opportunities.outcome)) as outcome,
        opportunities.amount
    from {{ ref('stg_opportunities') }} as opportunities
    inner join identity
        on opportunities.account_source = identity.source and opportunities.account_id = identity.account_id
    where opportunities.closed_at is not null
),

deals as (
    select
        months.month,
        closed.customer_id,
        count(*) filter (where closed.outcome in ('won', 'lost')) as opportunities_closed,
        count(*) filter (where closed.outcome = 'won') as opportunities_won,
        coalesce(sum(closed.amount) filter (where closed.outcome = 'won'), 0) as opportunities_won_amount
    from months
    inner join closed
        on
            closed.day >= months.month
            and closed.day < months.next_month
            and closed.known_day < {{ kpi_known_until('months.next_month') }}
    group by months.month, closed.customer_id
),

{%- set parts = {
    'purchases': ['orders', 'buyers', 'revenue'],
    'recommendations': ['nps_answers', 'nps_promoters', 'nps_detractors'],
    'satisfaction': ['ratings', 'ratings_satisfied'],
    'billed': ['invoiced_90d'],
    'owed': ['receivables'],
    'came_in': ['leads'],
    'converted': ['leads_converted'],
    'deals': ['opportunities_closed', 'opportunities_won', 'opportunities_won_amount'],
} %}

united as (
    -- Every month has a row, so that one without anything is known to have been looked at.
    select
        month,
        cast(null as {{ type_text() }}) as customer_id
        {%- for measure in measures %},
        0 as {{ measure }}
        {%- endfor %}
    from months
    {%- for part, given in parts.items() %}
    union all
    select
        month,
        customer_id
        {%- for measure in measures %},
        {{ measure if measure in given else '0' }} as {{ measure }}
        {%- endfor %}
    from {{ part }}
    {%- endfor %}
),

placed as (
    select
        months.month,
        months.next_month,
        coalesce(lower(trim(history.segment)), 'unknown') as segment,
        coalesce(history.region, 'unknown') as region,
        {%- for measure in measures %}
        united.{{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from united
    inner join months on united.month = months.month
    left join {{ ref('customer_history') }} as history
        on united.customer_id = history.customer_id and {{ stood_on('history', 'months.next_month') }}
),

final as (
    select
        month,
        cast(segment as {{ type_text() }}) as segment,
        cast(region as {{ type_text() }}) as region,
        {%- for measure, fed in counts.items() %}
        {{ kpi_count(fed, 'sum(' ~ measure ~ ')') }} as {{ measure }},
        {%- endfor %}
        {%- for measure, fed in amounts.items() %}
        {{ kpi_amount(fed, 'sum(' ~ measure ~ ')') }} as {{ measure }},
        {%- endfor %}
        {{ kpi_is_settled('next_month') }} as is_settled,
        {{ built_from() }} as built_from
    from placed
    group by month, next_month, segment, region
)

select * from final
