{{ config(materialized='view', contract={'enforced': true}) }}
{%- set definitions = ['contractual', 'non_contractual'] %}
{%- set customers = ['opening', 'new', 'reactivated', 'churned', 'closing'] %}
{%- set values = ['opening', 'new', 'reactivated', 'expansion', 'contraction', 'churned', 'closing'] -%}
with movements as (
    select
        month
        {%- for definition in definitions %}
        {%- for name in customers %},
        sum({{ name }}_customers) filter (
            where definition = '{{ definition }}'
        ) as {{ definition }}_{{ name }}_customers
        {%- endfor %}
        {%- for name in values %},
        sum({{ name }}_value) filter (
            where definition = '{{ definition }}'
        ) as {{ definition }}_{{ name }}_value
        {%- endfor %}
        {%- endfor %},
        bool_or(is_restated) as is_restated
    from {{ ref('kpi_movements') }}
    group by month
),

activity as (
    select
        month,
        bool_and(is_settled) as is_settled,
        {%- for measure in ['orders', 'buyers', 'revenue', 'nps_answers', 'nps_promoters', 'nps_detractors', 'ratings',
            'ratings_satisfied', 'leads', 'leads_converted', 'opportunities_closed', 'opportunities_won',
            'opportunities_won_amount', 'invoiced_90d', 'receivables'] %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('kpi_activity') }}
    group by month
),

final as (
    select
        activity.month,
        {%- for definition in definitions %}
        {%- set opening = definition ~ '_opening_value' %}
        {%- set lost = definition ~ '_churned_value + ' ~ definition ~ '_contraction_value' %}
        {%- for name in customers %}
        cast({{ definition }}_{{ name }}_customers as {{ type_bigint() }}) as {{ definition }}_{{ name }}_customers,
        {%- endfor %}
        {%- for name in values %}
        cast({{ definition }}_{{ name }}_value as {{ canonical_type('numeric') }}) as {{ definition }}_{{ name }}_value,
        {%- endfor %}
        {{ kpi_rate(
            definition ~ '_churned_customers', definition ~ '_opening_customers'
        ) }} as {{ definition }}_logo_churn_rate,
        {{ kpi_rate(definition ~ '_churned_value', opening) }} as {{ definition }}_revenue_churn_rate,
        {{ kpi_rate(opening ~ ' - (' ~ lost ~ ')', opening) }} as {{ definition }}_grr,
        {{ kpi_rate(
            opening ~ ' + ' ~ definition ~ '_expansion_value - (' ~ lost ~ ')', opening
        ) }} as {{ definition }}_nrr,
        {%- endfor %}
        cast(activity.orders as {{ type_bigint() }}) as orders,
        cast(activity.buyers as {{ type_bigint() }}) as buyers,
        cast(activity.revenue as {{ canonical_type('numeric') }}) as revenue,
        {{ kpi_rate('revenue', 'orders') }} as average_order_value,
        cast(activity.leads as {{ type_bigint() }}) as leads,
        {{ kpi_rate('leads_converted', 'leads') }} as lead_conversion_rate,
        cast(activity.opportunities_closed as {{ type_bigint() }}) as opportunities_closed,
        {{ kpi_rate('opportunities_won', 'opportunities_closed') }} as win_rate,
        cast(activity.opportunities_won_amount as {{ canonical_type('numeric') }}) as opportunities_won_amount,
        cast(activity.nps_answers as {{ type_bigint() }}) as nps_answers,
        100 * {{ kpi_rate('(nps_promoters - nps_detractors)', 'nps_answers') }} as nps,
        cast(activity.ratings as {{ type_bigint() }}) as ratings,
        {{ kpi_rate('ratings_satisfied', 'ratings') }} as csat,
        cast(activity.receivables as {{ canonical_type('numeric') }}) as receivables,
        90 * {{ kpi_rate('receivables', 'invoiced_90d') }} as dso_days,
        coalesce(movements.is_restated, false) as is_restated,
        activity.is_settled
    from activity
    left join movements on activity.month = movements.month
)

select * from final
