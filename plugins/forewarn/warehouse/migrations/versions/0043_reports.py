"""Company figures out of the ordinary, and reports of any period beside that of the month (decision 0049)."""

from alembic import op

revision = "0043"
down_revision = "0041"

CHANGES = """
create table alerts.anomaly (
    anomaly_id bigint generated always as identity primary key,
    figure text not null,
    grain text not null check (grain in ('day', 'week', 'month')),
    since date not null,
    period date not null check (period >= since),
    seen double precision not null,
    expected double precision not null,
    usual_from double precision not null,
    usual_to double precision not null,
    segments jsonb not null check (jsonb_typeof(segments) = 'array'),
    noticed_as_of date not null,
    noticed_at timestamptz not null,
    over_as_of date,
    check (seen not between usual_from and usual_to)
);
create unique index anomaly_goes_on on alerts.anomaly (figure, grain) where over_as_of is null;
comment on table alerts.anomaly is 'One row per time that a figure of the company left the range of its own past: days beside the same weekday of the quarter before, weeks and months beside those before. The range is the median plus or minus 4 deviations, as in ops.batch_volume. One that goes on has no over_as_of.';
comment on column alerts.anomaly.figure is 'What is counted, such as orders.';
comment on column alerts.anomaly.grain is 'By which periods it was judged.';
comment on column alerts.anomaly.since is 'First day of the first period outside.';
comment on column alerts.anomaly.period is 'First day of the newest one; seen, expected and usual are of it.';
comment on column alerts.anomaly.seen is 'The figure; a share between 0 and 1, money in the company''s currency.';
comment on column alerts.anomaly.expected is 'Median of comparable periods.';
comment on column alerts.anomaly.usual_from is 'What is usual begins here; usual_to: and ends here.';
comment on column alerts.anomaly.segments is 'Members of segment, industry, region, channel or campaign that move it most, each with what was seen and expected of it.';
comment on column alerts.anomaly.noticed_as_of is 'Published day that noticed it.';
comment on column alerts.anomaly.over_as_of is 'Published day on which it was usual again: of days once a week had passed.';

alter table alerts.report drop constraint report_kind_check, drop constraint report_month_check;
alter table alerts.report rename column month to since;
alter table alerts.report
    add column every text not null default 'month' check (every in ('day', 'week', 'month')),
    add constraint report_kind_check check (kind in ('monthly', 'sales', 'service', 'finance', 'data', 'anomalies')),
    add constraint report_since_check check (every <> 'month' or since = date_trunc('month', since));
comment on column alerts.report.kind is 'monthly: what alerts were worth; any other: a report of reports.yml.';
comment on column alerts.report.since is 'First day that it is about.';
comment on column alerts.report.every is 'How long it is about: a day, a week or a month.';
"""


def upgrade() -> None:
    """Create the table of anomalies, and let reports be of other periods."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
