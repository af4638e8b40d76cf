"""Who is to act on what a gate found, and how many rows of a stream are usual."""

from alembic import op

revision = "0007"
down_revision = "0006"

CHANGES = """
alter table ops.gate_result add column owner text not null default '';
comment on column ops.gate_result.owner is 'Who is to act when the expectation does not hold.';

create view ops.batch_volume as
with of_day as (
    select
        source,
        stream,
        (started_at at time zone 'UTC')::date as day,
        max(batch_id) as batch_id,
        sum(rows_loaded)::double precision as rows_loaded
    from ops.batch
    where status = 'landed'
    group by 1, 2, 3
),

paced as (
    select
        *,
        day - lag(day) over (partition by source, stream order by day) as days_since_last,
        extract(isodow from day) as weekday,
        extract(isodow from day) > 5 as is_weekend
    from of_day
),

compared as (
    select
        today.*,
        before.rows_loaded as rows_before,
        before.weekday = today.weekday as same_weekday,
        count(*) filter (where before.weekday = today.weekday) over (partition by today.batch_id) as same_weekdays
    from paced as today
    inner join paced as before
        on
            before.source = today.source
            and before.stream = today.stream
            and before.day < today.day
            and before.day >= today.day - 182
            and before.days_since_last = today.days_since_last
            and before.is_weekend = today.is_weekend
),

basis as (
    select * from compared where same_weekday or same_weekdays < 4
),

medians as (
    select
        batch_id,
        count(*) as days_compared,
        percentile_cont(0.5) within group (order by rows_before) as usual
    from basis
    group by batch_id
    having count(*) >= 4 and percentile_cont(0.5) within group (order by rows_before) >= 20
),

spread as (
    select
        medians.batch_id,
        medians.days_compared,
        medians.usual,
        greatest(
            1.4826 * percentile_cont(0.5) within group (order by abs(basis.rows_before - medians.usual)),
            sqrt(medians.usual),
            0.1 * medians.usual
        ) as deviation
    from medians
    inner join basis on medians.batch_id = basis.batch_id
    group by medians.batch_id, medians.days_compared, medians.usual
)

select
    paced.source,
    paced.stream,
    paced.day,
    paced.batch_id,
    paced.rows_loaded,
    spread.days_compared,
    spread.usual,
    spread.usual - 3.5 * spread.deviation as usual_from,
    spread.usual + 3.5 * spread.deviation as usual_to
from paced
left join spread on paced.batch_id = spread.batch_id;
comment on view ops.batch_volume is 'One row per stream and UTC day on which it landed: the rows that were new or changed, and the range that is usual. Compared with days of the last half year that came after an equally long pause: the same weekday where there are four such days, else working days with working days and weekends with weekends; null below four days, and below twenty rows a day. The range is the median plus or minus 3.5 deviations (the limit of Iglewicz and Hoaglin 1993, How to detect and handle outliers); a deviation is the largest of 1.4826 times the median absolute deviation, the root of the median (chance alone) and a tenth of it.';
"""


def upgrade() -> None:
    """Add the column and the view."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
