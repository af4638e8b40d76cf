{#- A view: few accounts are not the first of their customer, and only labels and what is made of them ask. -#}
{{ config(materialized='view') }}
select
    {{ customer_id_of('source', 'account_id') }} as customer_id,
    customer_id as merged_into
from {{ ref('int_account_identity') }}
where matched_by <> 'own_number'
