"""What telling people of an alert saves: the told arm against the control group, by intention to treat.

A customer counts in the arm that chance gave, whatever became of it: told and never called, or of the control group and
called all the same. Each customer counts once, with the first draw. Only draws under the newest share are compared:
under another one the arms were filled from other customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from psycopg2 import extensions

from forewarn.loop.proportions import Arm, Difference, difference

# What a case is before the draw. A playbook is what happens after it: the control group has none to compare with.
Divided = Literal["all", "rule", "model", "segment", "manager"]
DIVISIONS: tuple[Divided, ...] = get_args(Divided)
# Below so many customers in an arm a page names no share.
LEAST_CUSTOMERS = 20
_MEMBER: dict[Divided, str] = {"all": "'all'", "segment": "d.segment", "manager": "d.manager"}
_OF_SIGNALS = """
join (
    select distinct case_id, case when kind = 'model' then name || ' ' || version else name end as member
    from {schema}.alert_signals where (kind = 'model') = (%(dimension)s = 'model')
) as s on s.case_id = d.case_id"""

QUERY = """
with drawn as (
    select a.*, row_number() over (partition by customer_id order by drawn_as_of, case_id) as place
    from {schema}.alert_outcomes as a where arm is not null and drawn_as_of < %(until)s
), compared as (
    select * from drawn
    where place = 1
        and control_share = (select control_share from drawn order by drawn_as_of desc, case_id desc limit 1)
)
select {member} as member, d.arm, count(d.churned) as customers, count(*) filter (where d.churned) as went,
    count(*) filter (where not d.is_mature) as unripe,
    coalesce(sum(d.value_at_stake) filter (where d.churned is not null), 0)::float8 as value,
    coalesce(sum(d.cost) filter (where d.churned is not null), 0)::float8 as cost
from compared as d{joined}
group by 1, 2 order by 1, 2
"""


@dataclass(frozen=True)
class SaveRate:
    """Two arms of one member of a dimension.

    Attributes
    ----------
    unripe
        Customers drawn whose window has not closed; they count in neither arm.
    value, cost
        Of the told arm: what its customers are worth a year, and what was spent on them.
    saved
        Share that stayed because somebody was told: what left of the control group less what left of those told. None
        where an arm is empty.
    """

    member: str
    told: Arm
    control: Arm
    unripe: int
    value: float
    cost: float
    saved: Difference | None

    @property
    def too_few(self) -> bool:
        """Whether an arm has so few customers that its share says nothing of a part of the company."""
        return min(self.told.customers, self.control.customers) < LEAST_CUSTOMERS

    @property
    def shown(self) -> bool:
        """Whether the data show an effect."""
        return self.saved is not None and self.saved.shown

    @property
    def saved_value(self) -> float | None:
        """Value a year that telling saved; None where no effect is shown."""
        return self.saved.value * self.value if self.saved is not None and self.shown else None

    @property
    def roi(self) -> float | None:
        """Value that telling saved, less what was spent, over what was spent; None where either is not shown."""
        return None if self.saved_value is None or not self.cost else (self.saved_value - self.cost) / self.cost


def statement(dimension: Divided, schema: Literal["marts", "bi"] = "marts") -> str:
    """Return the SQL that counts the arms; its parameters are `until`, a day, and `dimension`.

    In `bi` it counts what is published, and of that what its reader may see.
    """
    if dimension in ("rule", "model"):
        return QUERY.format(member="s.member", joined=_OF_SIGNALS.format(schema=schema), schema=schema)
    return QUERY.format(member=_MEMBER[dimension], joined="", schema=schema)


def save_rates(
    cursor: extensions.cursor, dimension: Divided, *, until: date, confidence: float = 0.95
) -> list[SaveRate]:
    """Return the save rate of each member of a dimension, of all draws before a day.

    Where several members are looked at, each interval is wider (Bonferroni), so that one of them being shown by chance
    is no more likely than with one.
    """
    cursor.execute(statement(dimension), {"until": until, "dimension": dimension})
    return judged(cursor.fetchall(), confidence=confidence)


def judged(rows: Sequence[tuple[str, str, int, int, int, float, float]], *, confidence: float = 0.95) -> list[SaveRate]:
    """Return the save rates of rows of `statement`: member, arm, customers, went, unripe, value, cost."""
    by_member: dict[str, dict[str, tuple[int, int, int, float, float]]] = {}
    for member, arm, customers, went, unripe, value, cost in rows:
        by_member.setdefault(member, {})[arm] = (customers, went, unripe, value, cost)
    each = 1 - (1 - confidence) / max(len(by_member), 1)
    nothing = (0, 0, 0, 0.0, 0.0)
    found = []
    for member, arms in by_member.items():
        told, control = arms.get("told", nothing), arms.get("control", nothing)
        of_told, of_control = Arm(told[0], told[1]), Arm(control[0], control[1])
        found.append(
            SaveRate(
                member=member,
                told=of_told,
                control=of_control,
                unripe=told[2] + control[2],
                value=told[3],
                cost=told[4],
                saved=difference(of_control, of_told, confidence=each),
            )
        )
    return found
