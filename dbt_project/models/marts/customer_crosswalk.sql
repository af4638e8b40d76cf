{{ config(materialized='view') }}
select customer_id, source, account_id, matched_by, reason, score as link_probability, has_record
from {{ ref('int_account_identity') }}
