-- Every piece of evidence belongs to one customer only; otherwise var identity_rounds is too small.
select link.evidence, count(distinct identity.customer_id) as customers
from {{ ref('int_account_links') }} as link
inner join {{ ref('int_account_identity') }} as identity
    on link.source = identity.source and link.account_id = identity.account_id
group by link.evidence
having count(distinct identity.customer_id) > 1
