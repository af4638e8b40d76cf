{{ config(materialized='view') }}
select customer_id, source, account_id, matched_by, reason, link_probability as score, has_record
from {{ ref('customer_crosswalk', v=2) }}
