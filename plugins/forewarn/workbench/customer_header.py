"""Who a customer is, as the head of each page about one says it."""

from __future__ import annotations

from typing import Any

from forewarn.workbench.refusals import Refused
from forewarn.workbench.visit import Visit

CUSTOMERS = "/customers"
_WHO = """
select v.*, l.stage, l.silent_days, l.customer_since, w.rfm_segment, w.revenue_class, w.clv
from bi.customer_360 as v
left join bi.customer_lifecycle as l on l.customer_id = v.customer_id
left join bi.customer_value as w on w.customer_id = v.customer_id
where v.customer_id = %(customer)s
"""


def who(visit: Visit, customer_id: str) -> dict[str, Any]:
    """Return a customer's published attributes.

    Raises
    ------
    Refused
        Not there, or another's: which of the two is nobody's business.
    """
    found = visit.rows(_WHO, {"customer": customer_id})
    if not found:
        raise Refused("no_customer", locale=visit.viewer.locale, back=CUSTOMERS)
    return found[0] | {"name": found[0]["name"] or customer_id}
