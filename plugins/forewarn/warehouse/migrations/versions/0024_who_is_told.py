"""Who is told and what keeps a case quiet: absences, silences, routes that wait, breaches of company figures (decision 0032)."""

from alembic import op

revision = "0024"
down_revision = "0022"

CHANGES = """
create table alerts.absence (
    absence_id bigint generated always as identity primary key,
    person text not null,
    from_day date not null,
    until_day date not null check (until_day > from_day),
    deputy text,
    reason text not null,
    entered_by text not null,
    entered_at timestamptz not null,
    ended_day date,
    ended_by text,
    ended_at timestamptz,
    end_reason text,
    check (lower(deputy) <> lower(person)),
    check (num_nulls(ended_day, ended_by, ended_at, end_reason) in (0, 4))
);
comment on table alerts.absence is 'One row per absence of a reader of alerts. A row is never changed but to end it early.';
comment on column alerts.absence.person is 'E-mail address of the reader who is away.';
comment on column alerts.absence.from_day is 'First as-of date on which the deputy is told instead.';
comment on column alerts.absence.until_day is 'First as-of date on which the reader is told again.';
comment on column alerts.absence.deputy is 'E-mail address of who stands in; null: the fallback of the route.';
comment on column alerts.absence.ended_day is 'Day from which it does not count any more, where it was ended early.';

create table alerts.silence (
    silence_id bigint generated always as identity primary key,
    customer_id text,
    signal text,
    route text,
    condition text,
    from_day date not null,
    until_day date not null check (until_day > from_day),
    reason text not null,
    entered_by text not null,
    entered_at timestamptz not null,
    ended_day date,
    ended_by text,
    ended_at timestamptz,
    end_reason text,
    check (num_nonnulls(customer_id, signal, route, condition) > 0),
    check (num_nulls(ended_day, ended_by, ended_at, end_reason) in (0, 4))
);
comment on table alerts.silence is 'One row per silence: signals that it fits have cases, and nobody is told. A row is never changed but to end it early.';
comment on column alerts.silence.customer_id is 'The one customer that it is about; null: any.';
comment on column alerts.silence.signal is 'The one rule, definition of churn or transition that it is about; null: any.';
comment on column alerts.silence.route is 'The one route that it is about; null: any.';
comment on column alerts.silence.condition is 'Expression over attributes of the customer that must hold; null: none.';
comment on column alerts.silence.from_day is 'First as-of date of the silence.';
comment on column alerts.silence.until_day is 'First as-of date after it.';
comment on column alerts.silence.ended_day is 'Day from which it does not count any more, where it was ended early.';

create table alerts.kpi_breach (
    breach_id bigint generated always as identity primary key,
    kpi text not null,
    bound text not null,
    first_month date not null,
    figure double precision not null,
    limit_value double precision not null,
    noticed_as_of date not null,
    noticed_at timestamptz not null,
    over_month date,
    over_at timestamptz
);
create unique index kpi_breach_goes_on on alerts.kpi_breach (kpi, bound) where over_at is null;
comment on table alerts.kpi_breach is 'One row per period in which a figure of the company lies beyond a bound of kpis.yml; told once, when it begins. One that goes on has no over_at.';
comment on column alerts.kpi_breach.bound is 'The bound as kpis.yml states it, such as below 0.8.';
comment on column alerts.kpi_breach.first_month is 'First day of the month whose figure was seen first.';
comment on column alerts.kpi_breach.figure is 'The figure of that month.';
comment on column alerts.kpi_breach.limit_value is 'What it was held against: the bound itself, or made of the months before.';
comment on column alerts.kpi_breach.over_month is 'First month whose figure keeps the bound again.';

alter table alerts."case"
    drop constraint case_withheld_check,
    add constraint case_withheld_check check (withheld in ('control', 'pilot', 'capacity', 'silence', 'inhibited')),
    add column withheld_routes jsonb not null default '{}';
update alerts."case" set withheld_routes = (select jsonb_object_agg(route, withheld) from unnest(routes) as route)
where withheld is not null;
comment on column alerts."case".withheld is 'Why nobody is told of it: control, the customer is of the random group that shows what happens without a call; pilot, alerts.pilot does not hold for the customer; capacity, others with more at stake filled the reader''s week; silence, somebody silenced such signals; inhibited, a graver matter of the customer comes first. Null: somebody is told, or the level is low.';
comment on column alerts."case".withheld_routes is 'Routes that are not told, each with why (as in withheld). All but those of control are asked for again on each day with signals.';

alter table alerts.signal drop constraint signal_kind_check;
alter table alerts.signal add constraint signal_kind_check check (kind in ('rule', 'model', 'stage'));
comment on table alerts.signal is 'One row per customer, as_of_date and rule, model or change of life-cycle stage that fired, with the values that made it fire.';

grant select on alerts.absence, alerts.silence to dispatcher;
grant select, insert, update on alerts.kpi_breach to dispatcher;
"""


def upgrade() -> None:
    """Create the tables and let cases and signals say more."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
