{{ config(contract={'enforced': true}, indexes=[{'columns': ['date_day'], 'unique': true}]) }}
{#- Ten thousand days, counted back from the end of the year after the run's. Digits instead of a series, which every
    engine has its own word for. -#}
with digits as (
    {%- for digit in range(10) %}
    select {{ digit }} as digit
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

numbers as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

final as (
    select {{ minus_days("cast('" ~ (run_year() + 1) ~ "-12-31' as date)", 'numbers.number') }} as date_day
    from numbers
)

select * from final
