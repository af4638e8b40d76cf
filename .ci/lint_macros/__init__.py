"""What sqlfluff renders the models with: dbt's names and the project's macros, without dbt and without a database.

Every department counts as connected and every incremental branch as taken, so that all of the SQL is linted. The SQL
is only read, never run; a macro that is missing here is an error of the linter.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class This(str):
    """dbt's `this`: prints as the relation, and has a name."""

    name = "this"


this = This("marts.this_model")
flags = SimpleNamespace(FULL_REFRESH=False, WHICH="build")


def var(name: str, default: Any = None) -> Any:
    """Return a variable of dbt_project.yml that appears in SQL."""
    known: dict[str, Any] = {
        "churn": {"definition": "non_contractual", "horizon_days": 60, "eligible_days": 90},
        "lifecycle": {
            "new_days": 90,
            "at_risk_days": 90,
            "at_risk_usual_gaps": 1,
            "at_risk_gap_ratio": 3,
            "dormant_days": 180,
            "dormant_usual_gaps": 1.5,
            "lost_days": 365,
            "lost_usual_gaps": 2,
            "won_back_days": 90,
            "types": {"key account": {"dormant_days": 100}},
        },
        "kpi": {"months": 36, "settle_days": 14},
        "value": {"margin": 1, "discount_rate": 0.1},
        "health": {"components": {"orders": {"order_gap_ratio": [[1, 100], [4, 0]]}}, "weights": {}, "types": {}},
        "identity_rounds": 2,
        "identity_shared_limit": 20,
    }
    return known.get(name, default)


def built_from() -> str:
    """Return a digest."""
    return "cast('x' as text)"


def config(*_: Any, **__: Any) -> str:
    """Print nothing, as dbt does."""
    return ""


def ref(name: str, v: int | None = None) -> str:
    """Return a model, of whatever version, as a relation."""
    return f"marts.{name}"


def source(name: str, table: str) -> str:
    """Return a source as a relation, under a name that is no word of SQL."""
    return f"{name}.{table}_rows"


def first_of_month(day: str) -> str:
    """Return the first day of the month of a day."""
    return f"date_trunc('month', {day})"


def json_text(column: str, field: str) -> str:
    """Return a field of a JSON object as text."""
    return f"({column} ->> '{field}')"


def is_incremental() -> bool:
    """Lint the branches of an incremental run."""
    return True


def is_fed(*_: Any) -> bool:
    """Lint the branches of a connected department."""
    return True


def customer_id_of(source: str, account_id: str) -> str:
    """Return a digest of both."""
    return f"md5({source} || '|' || {account_id})"


def canonical_type(name: str) -> str:
    """Return a PostgreSQL type."""
    return name


def type_text() -> str:
    """Return the type of texts."""
    return "text"


def type_double() -> str:
    """Return the type of features."""
    return "double precision"


def type_bigint() -> str:
    """Return the type of versions."""
    return "bigint"


def letters_and_digits(text: str) -> str:
    """Return an expression over a text."""
    return f"lower({text})"


def utc_day(moment: str) -> str:
    """Return the day of a moment."""
    return f"cast({moment} as date)"


def midnight(day: str) -> str:
    """Return the first moment of a day."""
    return f"cast({day} as timestamp)"


def known_after(moment: str, recorded: str = "known_at") -> str:
    """Return the moment from which something is known."""
    return f"greatest({moment}, coalesce({recorded}, {moment}))"


def plus_days(day: str, days: Any) -> str:
    """Return a later day."""
    return f"({day} + {days})"


def minus_days(day: str, days: Any) -> str:
    """Return an earlier day."""
    return f"({day} - {days})"


def days_between(earlier: str, later: str) -> str:
    """Return a number of days."""
    return f"({later} - {earlier})"


def seconds_between(earlier: str, later: str) -> str:
    """Return a number of seconds."""
    return f"({later} - {earlier})"


def full_months_between(earlier: str, later: str) -> str:
    """Return a number of months."""
    return f"({later} - {earlier})"


def as_of_dates_rows() -> str:
    """Return the relation of requested dates."""
    return "select cast('2024-01-01' as date) as as_of_date"


def run_as_of_date() -> str:
    """Return the day of the run."""
    return "cast('2024-01-01' as date)"


def is_requested_date() -> str:
    """Return a condition."""
    return "as_of_date = cast('2024-01-01' as date)"


def is_unsettled_label() -> str:
    """Return a condition."""
    return "not is_mature"


def last_build(from_nothing: bool | None = None) -> SimpleNamespace:
    """Return what the last build had seen."""
    return SimpleNamespace(number=1, batch_id=1)


def this_build() -> str:
    """Return the number of this build."""
    return "cast(2 as bigint)"


def touched_days() -> str:
    """Return the relation of customers and days with new events."""
    return "select 'x' as customer_id, cast('2024-01-01' as date) as day"


def moved_accounts() -> str:
    """Return the relation of accounts whose customer has changed."""
    return "select 'x' as source, 'x' as account_id, 'x' as customer_id, 'x' as previous_customer_id"


def canonical_generations() -> int:
    """Let records belong to others that belong to others."""
    return 2


def canonical_children(relation: str, parents: dict[str, str]) -> str:
    """Select what belongs to records."""
    columns = ("entity", "source", "account_source", "record_id", "account_id", "parent_id")
    return "select " + ", ".join(f"before.{name}" for name in columns) + f" from {relation} as before"


def canonical_orphans() -> str:
    """Select records whose parent has not come."""
    return "select entity, source, record_id, reason from staging.orphans"


def canonical_missed_lookups() -> str:
    """Select numbers that are looked up in vain."""
    return "select entity, source, stream, looked_up_stream, number, records from staging.missed_lookups"


def canonical_past(entity: str, columns: dict[str, str]) -> str:
    """Return the relation of an entity's former records."""
    names = ", ".join(f"'x' as {name}" for name in columns)
    return f"select '{entity}' as entity, 'x' as source, 'x' as account_source, {names}"


def event_record(part: dict[str, str]) -> str:
    """Return the records of a model as events."""
    return f"select * from marts.{part['model']} where 1 = 1"


def days_by_age(relation: str, columns: dict[str, bool], until: str | None = None) -> str:
    """Return the relation of the roll-up in steps of age."""
    names = ", ".join(f"told.{name}" for name in columns)
    return f"(select told.customer_id, {names} from {relation} as told)"


def ages() -> list[int]:
    """Return where windows begin and end."""
    return [90, 455]


def past_until(days: int) -> str:
    """Return the day until which the past is added up."""
    return "cast('2024-01-01' as date)"


def settled_until() -> str:
    """Return the same day as a text."""
    return "2024-01-01"


def settled_day_stays() -> bool:
    """Lint the branch that adds up a few customers."""
    return True


def touched_past(until: str) -> str:
    """Return the relation of customers whose past has changed."""
    return f"select customer_id from marts.int_customer_days where day < {until}"


def order_rows(until: str) -> str:
    """Return the relation of orders by customer and day."""
    return f"select told.customer_id, told.day, told.orders from marts.told as told where told.day >= {until}"


def order_rhythm(rows: str) -> str:
    """Return the relation of rhythms."""
    return f"select days.customer_id, 1 as order_days from ({rows}) as days"


def order_rhythm_steps(until: str) -> str:
    """Return the relation of rhythms in steps."""
    return f"select past.*, 0 as is_new from marts.int_customer_past as past where past.first_day < {until}"


def past_rhythms() -> str:
    """Return the relation of rhythms of the past."""
    return "select past.* from marts.int_customer_past as past"


def feature(_: bool, value: str) -> str:
    """Return a feature's expression."""
    return f"cast({value} as double precision)"


feature_count = feature


def words_count(found: str, judged: str, window: str) -> str:
    """Return the expression of a count of texts."""
    return f"case when texts_{window} = 0 or {judged} > 0 then {found} end"


def feature_ratio(_: bool, part: str, whole: str) -> str:
    """Return a ratio's expression."""
    return f"cast({part} / {whole} as double precision)"


def as_records_stood(relation: str) -> str:
    """Return a query over a relation."""
    return f"select * from {relation}"


def lifecycle_silence(stage: str) -> str:
    """Return the days after which a silence makes a stage."""
    return f"greatest({var('lifecycle')[stage + '_days']}, order_gap_days)"


def without_late(relation: str) -> str:
    """Return a relation's rows."""
    return f"select * from {relation}"


def for_each_date(caller: Callable[[], str]) -> str:
    """Return the query of a call block for every date."""
    return f"select dates.as_of_date, one_date.* from dates cross join lateral ({caller()}) as one_date"


def window_sum(column: str, window: str) -> str:
    """Return a sum over a window."""
    return f"sum(days.{column}) filter (where days.day >= dates.as_of_date - {len(window)})"


def last_year(figure: str, first_day: str, days: int) -> str:
    """Return a figure of a year ago."""
    return f"case when {first_day} <= as_of_date - {days} then {figure} end"


def points_of(column: str, _: Any) -> str:
    """Return the points of a measure."""
    return f"case when {column} is null then null else 0 end"


def health_weight(_: Any, component: str) -> str:
    """Return the weight of a component."""
    return f"case when {component}_score is null then 0 else 1 end"


def weight_of_all(_: Any) -> str:
    """Return the weights of all components."""
    return "1"


def run_year() -> int:
    """Return the year of the run."""
    return 2024


def takes_versions() -> bool:
    """Lint a run that takes versions."""
    return True


def rows_to_version(relation: str, key: list[str], columns: list[str]) -> str:
    """Return the rows of a snapshot."""
    return f"select {', '.join(key + columns)} from {relation}"


def kpi_months_rows() -> str:
    """Return the relation of months to compute."""
    return "select cast('2024-01-01' as date) as month, cast('2024-02-01' as date) as next_month"


def kpi_is_settled(next_month: str) -> str:
    """Return a condition."""
    return f"{next_month} <= cast('2024-01-01' as date)"


def stood_on(history: str, day: str) -> str:
    """Return a condition."""
    return f"{history}.valid_from <= {day}"


def customer_type() -> str:
    """Return a text."""
    return "lower(trim(customers.segment || history.segment))"


def kpi_known_until(next_month: str) -> str:
    """Return a day."""
    return f"({next_month} + 14)"


def kpi_amount(_: bool, value: str) -> str:
    """Return an amount."""
    return f"cast({value} as numeric)"


def kpi_count(_: bool, value: str) -> str:
    """Return a count."""
    return f"cast({value} as bigint)"


def kpi_rate(part: str, whole: str) -> str:
    """Return a ratio."""
    return f"(cast({part} as double precision) / nullif(cast({whole} as double precision), 0))"
