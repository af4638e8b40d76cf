{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    indexes=[{'columns': ['as_of_date'], 'unique': true}],
) }}
{#- Written only when the three have been taken.
    depends_on: {{ ref('account_versions') }} {{ ref('owner_versions') }} {{ ref('subscription_versions') }} -#}
select run.as_of_date
from (select {{ run_as_of_date() }} as as_of_date) as run
where
    1 = {{ 1 if takes_versions() else 0 }}
    {%- if is_incremental() %}
    and run.as_of_date not in (select taken.as_of_date from {{ this }} as taken)
    {%- endif %}
