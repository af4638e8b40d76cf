"""Late data: which streams were late on which day, what operations were told, and which alerts wait."""

from alembic import op

revision = "0004"
down_revision = "0003"

CHANGES = """
create table ops.late_stream (
    as_of_date date not null,
    source text not null,
    stream text not null,
    since timestamptz not null,
    arrived_at timestamptz,
    promise interval,
    features text[] not null,
    judged_at timestamptz not null,
    primary key (as_of_date, source, stream)
);
comment on table ops.late_stream is 'One row per as_of_date and stream that was late on that day: its features are null in marts.churn_features for the date, also when the date is built again.';

create table ops.trouble (
    trouble_id bigint generated always as identity primary key,
    source text not null,
    stream text not null,
    kind text not null check (kind in ('blocked', 'late')),
    since timestamptz not null,
    reason text not null,
    noticed_at timestamptz not null,
    over_at timestamptz
);
comment on table ops.trouble is 'One row per trouble of a stream, told to operations once when it is noticed and once when it is over. Troubles that go on have no over_at.';
create unique index one_trouble_at_a_time on ops.trouble (source, stream, kind) where over_at is null;

create table alerts.hold (
    hold_id bigint generated always as identity primary key,
    customer_id text not null,
    case_id bigint references alerts."case",
    kind text not null check (kind in ('rule', 'model')),
    name text not null,
    reason text not null,
    held_as_of date not null,
    held_at timestamptz not null,
    ended_as_of date,
    ended_at timestamptz,
    outcome text check (outcome in ('released', 'dropped')),
    outcome_reason text,
    check (num_nulls(ended_as_of, ended_at, outcome, outcome_reason) in (0, 4))
);
comment on table alerts.hold is 'One row per alert that waits, or waited, for late data: of a rule that could not judge a customer with an open case, or of a score that reached its threshold by what was unknown. released: it was true once the data had come; dropped: it was not, and outcome_reason says so.';
create unique index one_hold_at_a_time on alerts.hold (customer_id, kind, name) where ended_as_of is null;
select access.show('alerts.hold', 'customer');

alter table alerts.case_event drop constraint case_event_kind_check;
alter table alerts.case_event add constraint case_event_kind_check check (
    kind in ('opened', 'raised', 'joined', 'refreshed', 'quiet', 'suppressed', 'notified', 'closed', 'held', 'released', 'dropped')
);

alter table ml.score add column unknown_contribution double precision;
comment on column ml.score.unknown_contribution is 'What the features of late streams, being unknown, add to the score in log-odds; null where nothing was late, and for customers without reasons.';
"""


def upgrade() -> None:
    """Create the tables, and let cases be held."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
