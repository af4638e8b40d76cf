"""Open cases follow their customer when identity changes: merged into another customer, or told apart again."""

from __future__ import annotations

from datetime import date, datetime

from psycopg2 import extensions

from forewarn.alerts.case_store import note
from forewarn.alerts.tasks import FOREWARN, drop_of_case

REMINDERS = """
update alerts.task as t set customer_id = known.customer_id
from marts.customer_crosswalk as known
where t.case_id is null and t.state = 'open'
    and md5(known.source || '|' || known.account_id) = t.customer_id and known.customer_id <> t.customer_id
"""
# A customer's id is that of its first account, so whoever has that account now has the case.
SUCCESSORS = """
select c.case_id, c.customer_id, known.customer_id
from alerts."case" as c
join marts.customer_crosswalk as known on md5(known.source || '|' || known.account_id) = c.customer_id
where c.state <> 'closed' and known.customer_id <> c.customer_id
order by array_position(array['high', 'medium', 'low'], c.level), c.case_id
"""


def follow_identity(cursor: extensions.cursor, *, as_of_date: date, now: datetime) -> int:
    """Give open cases and reminders to the customer that theirs has become; returns how many cases went.

    A case whose new customer has an open one already is closed, and says which goes on. A customer that is told apart
    again leaves the case with the one that keeps the first account.
    """
    cursor.execute("select to_regclass('marts.customer_crosswalk') is not null")
    if not (cursor.fetchone() or (False,))[0]:
        return 0
    cursor.execute(REMINDERS)
    cursor.execute(SUCCESSORS)
    found = cursor.fetchall()
    events = []
    for case_id, before, customer_id in found:
        cursor.execute(
            "select case_id from alerts.\"case\" where customer_id = %s and state <> 'closed'", [customer_id]
        )
        if going_on := cursor.fetchone():
            cursor.execute(
                "update alerts.\"case\" set state = 'closed', outcome = 'merged', intervention = 'none',"
                " intervention_presumed = false, closed_as_of = %s, closed_at = %s,"
                " updated_at = %s where case_id = %s",
                [as_of_date, now, now, case_id],
            )
            reason = f"its customer is now {customer_id}; case {going_on[0]} goes on"
            events.append((case_id, "closed", reason))
            drop_of_case(cursor, case_id, reason, by=FOREWARN, now=now)
        else:
            cursor.execute(
                'update alerts."case" set customer_id = %(to)s, updated_at = %(now)s, episode ='
                ' (select coalesce(max(episode), 0) + 1 from alerts."case" where customer_id = %(to)s)'
                " where case_id = %(case)s",
                {"to": customer_id, "now": now, "case": case_id},
            )
            events.append((case_id, "moved", f"its customer {before} is now {customer_id}"))
        cursor.execute("update alerts.task set customer_id = %s where case_id = %s", [customer_id, case_id])
        cursor.execute(
            "update alerts.hold as h set customer_id = %(to)s where customer_id = %(of)s and ended_as_of is null"
            " and not exists (select from alerts.hold as o where o.ended_as_of is null"
            " and (o.customer_id, o.kind, o.name) = (%(to)s, h.kind, h.name))",
            {"to": customer_id, "of": before},
        )
    note(cursor, [(*event, {}) for event in events], as_of_date=as_of_date, now=now)
    return len(found)
