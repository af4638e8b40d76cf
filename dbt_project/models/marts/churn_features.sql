{{ config(
    materialized='incremental',
    incremental_strategy='replace_dates',
    on_schema_change='append_new_columns',
    full_refresh=false,
    contract={'enforced': true},
) }}
{#- Every row that is joined has known_day < D, and no row is known before it happened: nothing of D or later gets in.
    One pass over the roll-up a date, so that N dates cost N times one. -#}
{%- set until = past_until(ages() | last) %}
{%- set orders = is_fed('order') %}
{%- set discounts = is_fed('order', 'discount_amount') or is_fed('order_line', 'discount_amount') %}
{%- set products = orders and is_fed('order_line', 'product_id') %}
{%- set categories = products and is_fed('product', 'category') %}
{%- set returns = is_fed('return') %}
{%- set tickets = is_fed('ticket') %}
{%- set ratings = is_fed('ticket', 'satisfaction') %}
{%- set interactions = is_fed('interaction') %}
{%- set topics = is_fed('interaction', 'topic') %}
{%- set owners = is_fed('owner_assignment') %}
{%- set steps = tickets and is_fed('ticket_status_change') %}
{%- set marketing = is_fed('marketing_event') %}
{%- set usage = is_fed('usage_event') %}
{%- set users = is_fed('usage_event', 'active_users') %}
{%- set usage_items = 'more_usage_features' if is_fed('usage_event', 'feature') else 'usage_events' %}
{%- set invoices = is_fed('invoice') and is_fed('payment') %}
{%- set disputes = is_fed('dispute') %}
{%- set subscriptions = is_fed('subscription') %}
{%- set credit = invoices and is_fed('credit_limit') %}
{%- set stock = products and (is_fed('backorder') or is_fed('inventory_snapshot')) %}
{%- set shipments = is_fed('shipment', 'promised_at') %}
{%- set opportunities = is_fed('opportunity', 'closed_at') and is_fed('opportunity', 'outcome') %}
{%- set nps = is_fed('survey_response', 'score') %}
{%- set reviews = is_fed('review', 'rating') and is_fed('review', 'account_id') %}
{%- set posts = is_fed('mention', 'body') and is_fed('mention', 'account_id') %}
{%- set texts = posts or is_fed('ticket', 'subject') or is_fed('survey_response', 'body')
    or (is_fed('review', 'body') and is_fed('review', 'account_id')) %}
{%- set competitors = texts and var('words').competitors is not false %}
{%- set discounts_asked = texts and var('words').discount is not false %}
{#- Which windows of which behaviour there are, and why these: docs/explanation/windows.md. Each of the first is a
    feature, named for it and its window; of the others features are made below. -#}
{%- set counted = [
    ('orders', 'orders', orders, ['7d', '30d', '90d', '180d', '365d']),
    ('revenue', 'revenue', orders, ['30d', '90d', '180d', '365d', 'prior_90d']),
    ('returns', 'returns', returns, ['30d', '90d', '365d']),
    ('return_amount', 'return_amount', returns, ['90d']),
    ('tickets', 'tickets', tickets, ['30d', '90d', '365d']),
    ('complaints', 'complaints', tickets, ['30d', '90d', '365d', 'prior_90d']),
    ('interactions', 'interactions', interactions, ['30d', '90d', '365d']),
    ('discount_contacts', 'discount_contacts', topics, ['90d', 'prior_90d']),
    ('marketing_sent', 'marketing_sent', marketing, ['90d', '365d', 'prior_90d']),
    ('marketing_opened', 'marketing_opened', marketing, ['90d', '365d', 'prior_90d']),
    ('marketing_responses', 'marketing_responses', marketing, ['90d', '365d']),
    ('attendances', 'marketing_attended', marketing, ['180d', 'prior_180d']),
    ('usage_days', 'usage_days', usage, ['7d', '30d', '90d', 'prior_30d']),
    ('disputes', 'disputes', disputes, ['180d', '365d']),
    ('negative_reviews', 'negative_reviews', reviews, ['90d', '365d']),
    ('late_shipments', 'shipments_late', shipments, ['90d']),
    ('opportunities_won', 'opportunities_won', opportunities, ['180d']),
    ('opportunities_lost', 'opportunities_lost', opportunities, ['180d']),
] -%}
{%- set summed = [
    ('orders', orders, ['prior_90d', 'last_year_90d']),
    ('revenue', orders, ['last_year_90d']),
    ('discount', discounts, ['90d', '365d']),
    ('return_amount', returns, ['365d']),
    ('ratings', tickets, ['180d']),
    ('rating_sum', tickets, ['180d']),
    ('shipments_due', shipments, ['90d', '365d']),
    ('shipments_late', shipments, ['365d']),
    (usage_items, usage, ['30d']),
    ('more_active_users', users, ['7d', '56d']),
    ('owner_assignments', owners, ['180d']),
] -%}
{%- set columns, windows = {'opportunities': opportunities, 'opportunities_closed': opportunities}, [] -%}
{%- for _, column, fed, lengths in counted %}
{%- do columns.update({column: fed}) %}
{%- for length in lengths %}{% do windows.append((column, length)) %}{% endfor %}
{%- endfor %}
{%- for column, fed, lengths in summed %}
{%- do columns.update({column: fed}) %}
{%- for length in lengths %}{% do windows.append((column, length)) %}{% endfor %}
{%- endfor %}
{#- A contract's row says its price and the end of its term as they are now. Both move on for those who stayed, so that
    on an earlier date they would tell who did. They are known on dates that have versions of it (decision 0010). -#}
with dates as (
    {{ as_of_dates_rows() }}
),

rolled as (
    {%- call for_each_date() %}
    select
        days.customer_id,
        min(days.first_day) as first_day,
        max(days.last_interaction_day) as last_interaction_day,
        max(days.last_usage_day) as last_usage_day,
        sum(days.orders) as orders_lifetime,
        sum(days.owner_assignments) as owner_assignments_lifetime,
        sum(days.opportunities - days.opportunities_closed) as open_opportunities
        {%- for column, length in windows %},
        {{ window_sum(column, length) if columns[column] else 'cast(null as ' ~ type_bigint() ~ ')' }}
            as {{ column }}_{{ length }}
        {%- endfor %}
    from {{ days_by_age(ref('int_customer_days'), columns, until) }} as days
    group by days.customer_id
    {%- endcall %}
),

rhythm as (
    {%- call for_each_date() %}
    select
        summed.customer_id,
        summed.first_order_day,
        summed.last_order_day,
        cast(summed.span as {{ type_double() }}) / nullif(summed.gaps, 0) as order_gap_days,
        -- The sample's deviation, from whole numbers, so that it does not depend on the steps.
        sqrt(
            cast(
                summed.gaps * (summed.gap_squares + coalesce(summed.gap_between * summed.gap_between, 0))
                - summed.span * summed.span as {{ type_double() }}
            ) / nullif(summed.gaps * (summed.gaps - 1), 0)
        ) as order_gap_sd_days
    from (
        select
            steps.customer_id,
            min(steps.first_order_day) as first_order_day,
            max(steps.last_order_day) as last_order_day,
            cast(
                {{ days_between('min(steps.first_order_day)', 'max(steps.last_order_day)') }} as {{ type_bigint() }}
            ) as span,
            sum(steps.order_days) - 1 as gaps,
            sum(coalesce(steps.gap_squares, 0)) as gap_squares,
            cast(
                {{ days_between(
                    'max(case when steps.is_new = 0 then steps.last_order_day end)',
                    'min(case when steps.is_new = 1 then steps.first_order_day end)',
                ) }} as {{ type_bigint() }}
            ) as gap_between
        from ({{ order_rhythm_steps(until) }}) as steps
        group by steps.customer_id
    ) as summed
    {%- endcall %}
),

breadth as (
    {%- call for_each_date() %}
    select
        bought.customer_id,
        count(*) filter (where bought.last_day >= {{ minus_days('dates.as_of_date', 90) }}) as product_90d,
        count(*) as product_365d
        {%- if categories %},
        count(distinct products.category) filter (
            where bought.last_day >= {{ minus_days('dates.as_of_date', 90) }}
        ) as category_90d,
        count(distinct products.category) as category_365d
        {%- else %},
        cast(null as {{ type_bigint() }}) as category_90d,
        cast(null as {{ type_bigint() }}) as category_365d
        {%- endif %}
    from (
        select items.customer_id, items.product_source, items.product_id, max(items.day) as last_day
        from {{ ref('int_order_items') }} as items
        where
            items.day >= {{ minus_days('dates.as_of_date', 365) }}
            and items.known_day < dates.as_of_date
            and (items.cancelled_day is null or items.cancelled_day >= dates.as_of_date)
        group by items.customer_id, items.product_source, items.product_id
    ) as bought
    {%- if categories %}
    left join {{ ref('stg_products') }} as products
        on bought.product_source = products.source and bought.product_id = products.product_id
    {%- endif %}
    group by bought.customer_id
    {%- endcall %}
),

service as (
    select
        dates.as_of_date,
        tickets.customer_id,
        count(*) as open_tickets,
        min(tickets.opened_on) as oldest_opened_on
    from dates
    inner join {{ ref('int_tickets') }} as tickets
        on
            tickets.known_on < dates.as_of_date
            and (tickets.closed_on is null or tickets.closed_on >= dates.as_of_date)
    group by dates.as_of_date, tickets.customer_id
),

after_sales as (
    select
        dates.as_of_date,
        tickets.customer_id,
        count(*) filter (where tickets.closed_on >= {{ minus_days('dates.as_of_date', 180) }}) as solved_180d,
        count(*) filter (
            where
                tickets.closed_on >= {{ minus_days('dates.as_of_date', 180) }}
                and tickets.rated_on < dates.as_of_date
        ) as answered_180d,
        count(*) filter (where tickets.closed_on < {{ minus_days('dates.as_of_date', 180) }}) as solved_prior_180d,
        count(*) filter (
            where
                tickets.closed_on < {{ minus_days('dates.as_of_date', 180) }}
                and tickets.rated_on < dates.as_of_date
        ) as answered_prior_180d
    from dates
    inner join {{ ref('int_tickets') }} as tickets
        on
            tickets.known_on < dates.as_of_date
            and tickets.closed_on < dates.as_of_date
            and tickets.closed_on >= {{ minus_days('dates.as_of_date', 360) }}
    group by dates.as_of_date, tickets.customer_id
),

answered as (
    select
        as_of_date,
        customer_id,
        count(*) filter (where reopened_on is not null) as reopened_180d,
        avg(response_seconds) filter (where opened_on >= {{ minus_days('as_of_date', 180) }})
            / 3600 as response_hours_180d
    from (
        select
            dates.as_of_date,
            steps.customer_id,
            min(steps.opened_on) as opened_on,
            max(steps.day) filter (where steps.status = 'reopened') as reopened_on,
            min(steps.seconds) filter (where steps.status <> 'open') as response_seconds
        from dates
        inner join {{ ref('int_ticket_steps') }} as steps
            on
                steps.known_on < dates.as_of_date
                and steps.day >= {{ minus_days('dates.as_of_date', 180) }}
        group by dates.as_of_date, steps.customer_id, steps.source, steps.ticket_id
    ) as tickets
    group by as_of_date, customer_id
),

open_invoices as (
    select dates.as_of_date, invoices.*
    from dates
    inner join {{ ref('int_invoices') }} as invoices
        on
            invoices.known_on < dates.as_of_date
            and (invoices.settled_on is null or invoices.settled_on >= dates.as_of_date)
),

paid_in_part as (
    select open_invoices.as_of_date, open_invoices.invoice_key, sum(payments.amount) as amount
    from open_invoices
    inner join {{ ref('int_payments') }} as payments
        on open_invoices.invoice_key = payments.invoice_key and payments.known_on < open_invoices.as_of_date
    group by open_invoices.as_of_date, open_invoices.invoice_key
),

owed as (
    select
        open_invoices.as_of_date,
        open_invoices.customer_id,
        open_invoices.due_on,
        open_invoices.due_on < open_invoices.as_of_date as is_overdue,
        open_invoices.amount - coalesce(paid_in_part.amount, 0) as amount
    from open_invoices
    left join paid_in_part
        on
            open_invoices.as_of_date = paid_in_part.as_of_date
            and open_invoices.invoice_key = paid_in_part.invoice_key
),

receivables as (
    select
        as_of_date,
        customer_id,
        sum(amount) as open_amount,
        count(*) filter (where is_overdue) as overdue_invoices,
        sum(amount) filter (where is_overdue) as overdue_amount,
        min(due_on) filter (where is_overdue) as oldest_due_on
    from owed
    group by as_of_date, customer_id
),

limits as (
    select
        dates.as_of_date,
        limits.customer_id,
        limits.amount,
        row_number() over (
            partition by dates.as_of_date, limits.customer_id
            order by limits.valid_from desc, limits.source asc, limits.credit_limit_id desc
        ) as place
    from dates
    inner join {{ ref('int_credit_limits') }} as limits on limits.known_on < dates.as_of_date
),

answers as (
    select
        dates.as_of_date,
        days.customer_id,
        days.day,
        sum(days.nps_sum) / sum(days.nps_answers) as nps,
        row_number() over (partition by dates.as_of_date, days.customer_id order by days.day desc) as place
    from dates
    inner join {{ ref('int_customer_days') }} as days
        on days.known_day < dates.as_of_date and days.nps_answers > 0 and 1 = {{ 1 if nps else 0 }}
    group by dates.as_of_date, days.customer_id, days.day
),

missing_articles as (
    select
        dates.as_of_date,
        stockouts.product_source,
        stockouts.product_id,
        stockouts.customer_id,
        max(stockouts.day) as day
    from dates
    inner join {{ ref('int_stockouts') }} as stockouts
        on
            stockouts.known_on < dates.as_of_date
            and (stockouts.known_until is null or stockouts.known_until >= dates.as_of_date)
            and stockouts.day >= {{ minus_days('dates.as_of_date', 90) }}
    group by dates.as_of_date, stockouts.product_source, stockouts.product_id, stockouts.customer_id
),

missed_articles as (
    -- An article is bought regularly that was bought in at least three of the last six times 30 days.
    select
        missing.as_of_date, items.customer_id, items.product_source, items.product_id, max(missing.day) as day
    from missing_articles as missing
    inner join {{ ref('int_order_items') }} as items
        on
            missing.product_source = items.product_source
            and missing.product_id = items.product_id
            and (missing.customer_id is null or missing.customer_id = items.customer_id)
            and items.known_day < missing.as_of_date
            and items.day >= {{ minus_days('missing.as_of_date', 180) }}
            and (items.cancelled_day is null or items.cancelled_day >= missing.as_of_date)
    group by missing.as_of_date, items.customer_id, items.product_source, items.product_id
    having count(distinct floor(({{ days_between('items.day', 'missing.as_of_date') }} - 1) / 30.0)) >= 3
),

stocked_out as (
    select
        as_of_date,
        customer_id,
        count(*) filter (where day >= {{ minus_days('as_of_date', 30) }}) as stockouts_30d,
        count(*) as stockouts_90d
    from missed_articles
    group by as_of_date, customer_id
),

paid as (
    select
        dates.as_of_date,
        invoices.customer_id,
        avg({{ days_between('invoices.due_on', 'payments.paid_on') }}) as payment_delay_days_365d,
        avg({{ days_between('invoices.due_on', 'payments.paid_on') }}) filter (
            where payments.paid_on >= {{ minus_days('dates.as_of_date', 90) }}
        ) as payment_delay_days_90d
    from dates
    inner join {{ ref('int_payments') }} as payments
        on
            payments.known_on < dates.as_of_date
            and payments.paid_on >= {{ minus_days('dates.as_of_date', 365) }}
    inner join {{ ref('int_invoices') }} as invoices
        on payments.invoice_key = invoices.invoice_key and invoices.known_on < dates.as_of_date
    group by dates.as_of_date, invoices.customer_id
),

terms as (
    -- A term has ended for us once its end lies in the past and was known.
    select
        dates.as_of_date,
        subscriptions.*,
        coalesce(
            subscriptions.ended_on < dates.as_of_date and subscriptions.end_known_on < dates.as_of_date, false
        ) as has_ended
    from dates
    inner join {{ ref('int_subscriptions') }} as subscriptions on subscriptions.known_on < dates.as_of_date
),

contracts as (
    select
        as_of_date,
        customer_id,
        count(*) filter (where not has_ended) as active_terms,
        min(started_on) as first_started_on,
        count(*) filter (where has_ended and ended_on >= {{ minus_days('as_of_date', 180) }}) as ended_180d
    from terms
    group by as_of_date, customer_id
),

texts as (
    -- 90 days, and the year before them as the customer's own baseline: place 1 and from 2 on.
    select
        dates.as_of_date,
        texts.*,
        case
            when texts.day >= {{ minus_days('dates.as_of_date', 90) }} then 1
            when texts.day >= {{ minus_days('dates.as_of_date', 180) }} then 2
            else 3
        end as place
    from dates
    inner join {{ ref('int_texts') }} as texts
        on
            texts.known_day < dates.as_of_date
            and texts.day >= {{ minus_days('dates.as_of_date', 455) }}
),

words as (
    select
        as_of_date,
        customer_id,
        count(*) filter (where place = 1) as texts_90d,
        count(*) filter (where place = 2) as texts_prior_90d,
        count(*) filter (where place = 1 and is_read) as read_90d,
        count(*) filter (where place = 2 and is_read) as read_prior_90d,
        count(tone) filter (where place = 1) as understood_90d,
        count(*) filter (where place = 1 and tone = 'negative') as negative_texts_90d,
        count(*) filter (
            where place = 1 and tone = 'negative' and entity in ('review', 'mention')
        ) as negative_posts_90d,
        count(*) filter (where place = 1 and competitors > 0) as competitor_mentions_90d,
        count(*) filter (where place = 1 and asks_discount) as discount_requests_90d,
        count(*) filter (where place = 2 and asks_discount) as discount_requests_prior_90d,
        avg(sentiment) filter (where place = 1) as sentiment_90d,
        avg(sentiment) filter (where place > 1) as sentiment_before
    from texts
    group by as_of_date, customer_id
),

complaint_topics as (
    select texts.as_of_date, texts.customer_id, count(distinct subjects.name) as complaint_topics_90d
    from texts
    inner join {{ source('words', 'subject') }} as subjects
        on
            texts.entity = subjects.entity
            and texts.source = subjects.source
            and texts.record_id = subjects.record_id
            and subjects.kind = 'topic'
    where texts.place = 1 and texts.tone = 'negative'
    group by texts.as_of_date, texts.customer_id
),

prices as (
    -- As the contracts were seen on the date.
    select
        dates.as_of_date,
        versions.customer_id,
        sum(versions.mrr) as mrr,
        min(versions.renews_on) filter (where versions.renews_on >= dates.as_of_date) as next_renewal_on
    from dates
    inner join {{ ref('int_subscription_versions') }} as versions
        on
            versions.valid_from <= dates.as_of_date
            and (versions.valid_to is null or versions.valid_to > dates.as_of_date)
            and versions.started_on < dates.as_of_date
            and not coalesce(
                versions.ended_on < dates.as_of_date and versions.end_known_on < dates.as_of_date, false
            )
    group by dates.as_of_date, versions.customer_id
),

first_prices as (
    -- Since when there are versions of every source's contracts.
    select max(day) as day
    from (select min(valid_from) as day from {{ ref('int_subscription_versions') }} group by source) as seen
),

created as (
    select identity.customer_id, min({{ utc_day('accounts.created_at') }}) as created_on
    from {{ ref('stg_accounts') }} as accounts
    inner join {{ ref('int_account_identity') }} as identity
        on accounts.source = identity.source and accounts.account_id = identity.account_id
    where accounts.created_at is not null
    group by identity.customer_id
),

recorded as (
    select dates.as_of_date, created.customer_id, created.created_on
    from dates
    inner join created on created.created_on < dates.as_of_date
),

customers as (
    -- Joined and not looked up twice: what is wide and of many dates is not kept aside.
    select
        coalesce(rolled.as_of_date, recorded.as_of_date) as as_of_date,
        coalesce(rolled.customer_id, recorded.customer_id) as customer_id,
        recorded.created_on,
        rolled.first_day,
        rolled.orders_lifetime,
        rolled.owner_assignments_lifetime,
        rolled.last_interaction_day,
        rolled.last_usage_day,
        rolled.open_opportunities
        {%- for column, length in windows %},
        rolled.{{ column }}_{{ length }}
        {%- endfor %}
    from rolled
    full join recorded on rolled.as_of_date = recorded.as_of_date and rolled.customer_id = recorded.customer_id
),

{%- set parts = {
    'rhythm': ['first_order_day', 'last_order_day', 'order_gap_days', 'order_gap_sd_days'],
    'breadth': ['product_90d', 'product_365d', 'category_90d', 'category_365d'],
    'service': ['open_tickets', 'oldest_opened_on'],
    'after_sales': ['solved_180d', 'answered_180d', 'solved_prior_180d', 'answered_prior_180d'],
    'answered': ['reopened_180d', 'response_hours_180d'],
    'receivables': ['overdue_invoices', 'overdue_amount', 'oldest_due_on', 'open_amount'],
    'stocked_out': ['stockouts_30d', 'stockouts_90d'],
    'paid': ['payment_delay_days_90d', 'payment_delay_days_365d'],
    'contracts': ['active_terms', 'first_started_on', 'ended_180d'],
    'prices': ['mrr', 'next_renewal_on'],
    'words': [
        'texts_90d', 'texts_prior_90d', 'read_90d', 'read_prior_90d', 'understood_90d', 'negative_texts_90d',
        'negative_posts_90d', 'competitor_mentions_90d', 'discount_requests_90d', 'discount_requests_prior_90d',
        'sentiment_90d', 'sentiment_before',
    ],
    'complaint_topics': ['complaint_topics_90d'],
} %}

joined as (
    select
        customers.*,
        {{ days_between('rhythm.last_order_day', 'customers.as_of_date') }} as days_since_last_order,
        limits.amount as credit_limit,
        answers.nps as nps_latest,
        answers.day as last_nps_day,
        customers.as_of_date >= first_prices.day as has_prices
        {%- for part, names in parts.items() %}
        {%- for name in names %},
        {{ part }}.{{ name }}
        {%- endfor %}
        {%- endfor %}
    from customers
    {%- for part in parts %}
    left join {{ part }}
        on customers.as_of_date = {{ part }}.as_of_date and customers.customer_id = {{ part }}.customer_id
    {%- endfor %}
    {%- for part in ['limits', 'answers'] %}
    left join {{ part }}
        on
            customers.as_of_date = {{ part }}.as_of_date
            and customers.customer_id = {{ part }}.customer_id
            and {{ part }}.place = 1
    {%- endfor %}
    cross join first_prices
),

final as (
    select
        customer_id,
        as_of_date,
        {{ feature(true, days_between('least(created_on, first_day)', 'as_of_date')) }} as tenure_days,
        {{ feature_count(orders, 'orders_lifetime') }} as orders_lifetime,
        {%- for name, column, fed, lengths in counted %}
        {%- for length in lengths %}
        {{ feature_count(fed, column ~ '_' ~ length) }} as {{ name }}_{{ length }},
        {%- endfor %}
        {%- endfor %}
        {{ feature(orders, 'days_since_last_order') }} as days_since_last_order,
        {{ feature(orders, full_months_between('last_order_day', 'as_of_date')) }} as full_months_since_last_order,
        {{ feature(orders, 'order_gap_days') }} as order_gap_days,
        {{ feature(orders, 'order_gap_sd_days') }} as order_gap_sd_days,
        {{ feature(orders, 'days_since_last_order / order_gap_days') }} as order_gap_ratio,
        {{ feature_ratio(orders, 'revenue_90d', 'revenue_prior_90d') }} as revenue_trend_90d,
        {{ feature_ratio(orders, 'orders_90d', 'orders_prior_90d') }} as orders_trend_90d,
        {%- for behaviour in ['orders', 'revenue'] %}
        {%- set year_ago = last_year(behaviour ~ '_last_year_90d', 'first_order_day', 90) %}
        {{ feature(orders, year_ago) }} as {{ behaviour }}_last_year_90d,
        {{ feature_ratio(orders, behaviour ~ '_90d', year_ago) }} as {{ behaviour }}_year_trend_90d,
        {%- endfor %}
        {{ feature_ratio(orders, 'revenue_365d', 'orders_365d') }} as average_order_value_365d,
        {%- for length in ['90d', '365d'] %}
        {{ feature_ratio(
            orders and discounts,
            'discount_' ~ length,
            '(revenue_' ~ length ~ ' + coalesce(discount_' ~ length ~ ', 0))',
        ) }} as discount_share_{{ length }},
        {%- endfor %}
        {%- for level, name, fed in [('product', 'products', products), ('category', 'categories', categories)] %}
        {%- for length in ['90d', '365d'] %}
        {{ feature_count(fed, level ~ '_' ~ length) }} as {{ name }}_{{ length }},
        {%- endfor %}
        {%- endfor %}
        {{ feature_ratio(returns and orders, 'return_amount_365d', 'revenue_365d') }} as return_share_365d,
        {{ feature_count(tickets, 'open_tickets') }} as open_tickets,
        {{ feature(tickets, days_between('oldest_opened_on', 'as_of_date')) }} as oldest_open_ticket_days,
        {{ feature_count(steps, 'reopened_180d') }} as tickets_reopened_180d,
        {{ feature(steps, 'response_hours_180d') }} as first_response_hours_180d,
        {{ feature(ratings, 'rating_sum_180d / nullif(ratings_180d, 0)') }} as satisfaction_180d,
        {{ feature_ratio(ratings, 'answered_180d', 'solved_180d') }} as survey_answer_share_180d,
        {{ feature_ratio(ratings, 'answered_prior_180d', 'solved_prior_180d') }} as survey_answer_share_prior_180d,
        {{ feature(interactions, days_between('last_interaction_day', 'as_of_date')) }} as days_since_last_interaction,
        {{ feature(
            interactions, full_months_between('last_interaction_day', 'as_of_date')
        ) }} as full_months_since_last_interaction,
        {#- The first account manager is no change of one. #}
        {{ feature_count(
            owners,
            'owner_assignments_180d - case when owner_assignments_180d = owner_assignments_lifetime then 1 else 0 end',
        ) }} as owner_changes_180d,
        {{ feature_ratio(
            marketing,
            'cast(marketing_opened_90d * marketing_sent_prior_90d as ' ~ type_double() ~ ')',
            'cast(marketing_sent_90d * marketing_opened_prior_90d as ' ~ type_double() ~ ')'
        ) }} as marketing_open_trend_90d,
        {{ feature_ratio(usage, 'usage_days_30d', 'usage_days_prior_30d') }} as usage_trend_30d,
        {{ feature_count(users, 'more_active_users_7d / 7') }} as active_users_7d,
        {{ feature_count(users, 'more_active_users_56d / 56') }} as active_users_56d,
        {{ feature_ratio(usage, usage_items ~ '_30d', 'usage_days_30d') }} as usage_depth_30d,
        {{ feature(usage, days_between('last_usage_day', 'as_of_date')) }} as days_since_last_usage,
        {{ feature_count(invoices, 'overdue_invoices') }} as overdue_invoices,
        {{ feature_count(invoices, 'overdue_amount') }} as overdue_amount,
        {{ feature_count(invoices, days_between('oldest_due_on', 'as_of_date')) }} as days_overdue_max,
        {{ feature(invoices, 'payment_delay_days_90d') }} as payment_delay_days_90d,
        {{ feature(invoices, 'payment_delay_days_365d') }} as payment_delay_days_365d,
        {{ feature_ratio(credit, 'open_amount', 'credit_limit') }} as credit_used_share,
        {{ feature(subscriptions, 'case when active_terms > 0 then 1 else 0 end') }} as has_subscription,
        {{ feature(subscriptions, 'case when has_prices then coalesce(mrr, 0) end') }} as mrr,
        {{ feature(subscriptions, days_between('as_of_date', 'next_renewal_on')) }} as days_to_renewal,
        {{ feature(
            subscriptions, 'case when active_terms > 0 then ' ~ days_between('first_started_on', 'as_of_date') ~ ' end'
        ) }} as subscription_tenure_days,
        {{ feature_count(subscriptions, 'ended_180d') }} as subscriptions_ended_180d,
        {{ feature(nps, 'nps_latest') }} as nps_latest,
        {{ feature(nps, days_between('last_nps_day', 'as_of_date')) }} as nps_age_days,
        {{ feature_count(stock, 'stockouts_30d') }} as stockouts_30d,
        {{ feature_count(stock, 'stockouts_90d') }} as stockouts_90d,
        {{ feature_ratio(shipments, 'shipments_late_90d', 'shipments_due_90d') }} as late_shipment_share_90d,
        {{ feature_ratio(shipments, 'shipments_late_365d', 'shipments_due_365d') }} as late_shipment_share_365d,
        {{ feature_count(opportunities, 'open_opportunities') }} as open_opportunities,
        {#- Texts in languages that are not read have no tone, and texts that nobody has read yet have nothing at all:
            who wrote no others is unknown, who wrote none has none. #}
        {{ feature(texts, 'sentiment_90d') }} as text_sentiment_90d,
        {{ feature(texts, 'sentiment_90d - sentiment_before') }} as text_sentiment_change,
        {{ feature(texts, words_count('negative_texts_90d', 'understood_90d', '90d')) }} as negative_texts_90d,
        {{ feature(texts, words_count('negative_posts_90d', 'understood_90d', '90d')) }} as negative_posts_90d,
        {{ feature(texts, words_count('complaint_topics_90d', 'understood_90d', '90d')) }} as complaint_topics_90d,
        {{ feature(
            competitors, words_count('competitor_mentions_90d', 'read_90d', '90d')
        ) }} as competitor_mentions_90d,
        {{ feature(
            discounts_asked, words_count('discount_requests_90d', 'read_90d', '90d')
        ) }} as discount_requests_90d,
        {{ feature(
            discounts_asked, words_count('discount_requests_prior_90d', 'read_prior_90d', 'prior_90d')
        ) }} as discount_requests_prior_90d
    from joined
),

told as (
    {{ as_records_stood('final') }}
)

{{ without_late('told') }}
