"""Versions of rules, their back-tests, and who changed what (decision 0027)."""

from alembic import op

revision = "0017"
down_revision = "0016"

TABLES = """
create table alerts.rule_version (
    rule_id text not null,
    version integer not null check (version >= 1),
    content jsonb not null,
    digest text not null,
    state text not null check (state in ('draft', 'shadow', 'live', 'retired')),
    created_at timestamptz not null,
    primary key (rule_id, version)
);
comment on table alerts.rule_version is 'One row per version of a rule. content is the rule as its file says it; digest is that of what decides whom it alerts, and how strongly. draft: known, and judges nobody; shadow: judges every night, and nobody is told; live: its signals open cases; retired: was live once.';
create unique index on alerts.rule_version (rule_id) where state = 'live';
create unique index on alerts.rule_version (rule_id) where state = 'shadow';

create table alerts.backtest (
    backtest_id bigint generated always as identity primary key,
    rule_id text not null,
    digest text not null,
    as_of_date date not null,
    definition text not null,
    horizon_days integer not null,
    figures jsonb not null,
    ran_at timestamptz not null,
    ran_by text not null
);
comment on table alerts.backtest is 'One row per back-test of a rule: what it would have said on past dates, and what became of the customers. figures: alerts, alerts_per_week, managers, judged, right, precision, leavers, foreseen, recall, lead_days, examples, missed.';
create index on alerts.backtest (rule_id, digest);

create table alerts.rule_event (
    event_id bigint generated always as identity primary key,
    rule_id text not null,
    version integer not null,
    from_state text,
    to_state text not null,
    reason text not null,
    changed_at timestamptz not null,
    changed_by text not null,
    foreign key (rule_id, version) references alerts.rule_version
);
comment on table alerts.rule_event is 'One row per change of a version of a rule, with its reason and who made it. Rows are only added.';

create table alerts.shadow_signal (
    as_of_date date not null,
    customer_id text not null,
    rule_id text not null,
    version integer not null,
    primary key (as_of_date, rule_id, customer_id),
    foreign key (rule_id, version) references alerts.rule_version
);
comment on table alerts.shadow_signal is 'One row per customer, as_of_date and rule in shadow that was true: no case comes from it.';

grant select, insert on alerts.rule_version, alerts.backtest, alerts.rule_event to dispatcher;
grant update (state, content) on alerts.rule_version to dispatcher;
grant select, insert, delete on alerts.shadow_signal to dispatcher;
"""


def upgrade() -> None:
    """Create the tables, and give the dispatcher what it needs."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(TABLES)
