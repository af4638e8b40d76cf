{{ config(materialized='view', contract={'enforced': true}) }}
with final as (
    select
        cast(cases.case_id as {{ type_bigint() }}) as case_id,
        cast(cases.customer_id as {{ type_text() }}) as customer_id,
        cast(signals.kind as {{ type_text() }}) as kind,
        cast(signals.name as {{ type_text() }}) as name,
        cast(min(signals.version) as {{ type_text() }}) as version,
        min(signals.as_of_date) as first_as_of,
        max(signals.as_of_date) as last_as_of
    from {{ ref('int_alert_cases') }} as cases
    inner join {{ source('alerts', 'signal') }} as signals
        on
            cases.customer_id = signals.customer_id
            and signals.as_of_date >= cases.opened_as_of
            and (cases.closed_as_of is null or signals.as_of_date <= cases.closed_as_of)
    group by cases.case_id, cases.customer_id, signals.kind, signals.name
)

select * from final
