"""The tables that Forewarn itself writes; dbt owns staging, intermediate and marts, landing owns raw_<source>."""

from alembic import op

revision = "0001"
down_revision = None

SCHEMAS = ("quarantine", "staging", "intermediate", "marts", "ml", "alerts", "ops", "audit", "bi", "published")

TABLES = """
create table ops.batch (
    batch_id bigint generated always as identity primary key,
    source text not null,
    stream text not null,
    run_id text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    status text not null check (status in ('running', 'landed', 'failed')),
    rows_in bigint not null default 0,
    rows_loaded bigint not null default 0,
    rows_quarantined bigint not null default 0,
    rows_deduplicated bigint not null default 0,
    watermark_before text,
    watermark_after text,
    error text,
    check (status <> 'landed' or rows_in = rows_loaded + rows_quarantined + rows_deduplicated)
);
comment on table ops.batch is 'One row per stream and extraction. rows_in = rows_loaded + rows_quarantined + rows_deduplicated for every landed batch.';
create index on ops.batch (source, stream, batch_id desc);

create table ops.watermark (
    source text not null,
    stream text not null,
    cursor_value text not null,
    batch_id bigint not null references ops.batch,
    advanced_at timestamptz not null,
    primary key (source, stream)
);
comment on table ops.watermark is 'One row per stream with a cursor: the highest value landed. Advances in the transaction that lands the rows.';

create table ops.landed_file (
    source text not null,
    stream text not null,
    path text not null,
    size_bytes bigint not null,
    sha256 text not null,
    batch_id bigint not null references ops.batch,
    outcome text not null check (outcome in ('landed', 'quarantined')),
    reason text,
    primary key (source, stream, path, sha256)
);
comment on table ops.landed_file is 'One row per file and content that was read; a file is not read again while its content stays.';

create table quarantine.row (
    row_id bigint generated always as identity primary key,
    batch_id bigint not null references ops.batch,
    source text not null,
    stream text not null,
    column_name text,
    reason text not null,
    content text,
    quarantined_at timestamptz not null
);
comment on table quarantine.row is 'One row per source row that did not fit, with the reason; content is the row as it came, JSON where it could be read.';
create index on quarantine.row (source, stream, batch_id);

create table ops.gate_result (
    gate text not null,
    as_of_date date not null,
    run_id text not null,
    table_name text not null,
    expectation text not null,
    severity text not null check (severity in ('critical', 'warning', 'info')),
    passed boolean not null,
    observed text,
    remedy text,
    checked_at timestamptz not null,
    primary key (gate, as_of_date, run_id, table_name, expectation)
);
comment on table ops.gate_result is 'One row per expectation and run of a gate.';

create table ops.publication (
    publication_id bigint generated always as identity primary key,
    as_of_date date not null,
    run_id text not null,
    live boolean not null,
    published_at timestamptz not null,
    row_counts jsonb not null,
    unique (as_of_date, run_id)
);
comment on table ops.publication is 'One row per published version; readers of bi see the newest. Only a live publication may alert.';

create table ml.score (
    customer_id text not null,
    as_of_date date not null,
    definition text not null check (definition in ('non_contractual', 'contractual')),
    model_name text not null,
    model_version text not null,
    probability double precision not null check (probability between 0 and 1),
    threshold double precision not null,
    rank_of_day integer not null,
    reasons jsonb not null default '[]',
    scored_at timestamptz not null,
    primary key (as_of_date, customer_id, definition)
);
comment on table ml.score is 'One row per customer, as_of_date and churn definition: the champion''s probability of churn within its horizon. reasons: [{family, text, value, baseline, contribution}], strongest first.';

create table alerts.signal (
    signal_id bigint generated always as identity primary key,
    customer_id text not null,
    as_of_date date not null,
    kind text not null check (kind in ('rule', 'model')),
    name text not null,
    version text not null,
    level text not null check (level in ('low', 'medium', 'high')),
    route text not null,
    reason text not null,
    evidence jsonb not null,
    observed_at timestamptz not null,
    unique (as_of_date, customer_id, kind, name)
);
comment on table alerts.signal is 'One row per customer, as_of_date and rule or model that fired, with the values that made it fire.';
create index on alerts.signal (customer_id, as_of_date);

create table alerts."case" (
    case_id bigint generated always as identity primary key,
    customer_id text not null,
    episode integer not null,
    state text not null check (state in ('open', 'acknowledged', 'in_progress', 'closed')),
    level text not null check (level in ('low', 'medium', 'high')),
    route text not null,
    routes text[] not null,
    owner_id text,
    owner_name text,
    owner_email text,
    probability double precision,
    value_at_stake numeric not null,
    expected_loss numeric not null,
    reasons jsonb not null,
    next_step text not null,
    opened_as_of date not null,
    updated_as_of date not null,
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    closed_at timestamptz,
    unique (customer_id, episode)
);
comment on table alerts."case" is 'One row per customer and episode; at most one of them is not closed. routes: all whose signals took part, the first is the case''s own. value_at_stake and expected_loss per year, in the company''s currency.';
create unique index one_open_case on alerts."case" (customer_id) where state <> 'closed';

create table alerts.case_event (
    event_id bigint generated always as identity primary key,
    case_id bigint not null references alerts."case",
    as_of_date date not null,
    kind text not null check (kind in ('opened', 'raised', 'joined', 'refreshed', 'quiet', 'suppressed', 'notified', 'closed')),
    reason text not null,
    detail jsonb not null default '{}',
    happened_at timestamptz not null
);
comment on table alerts.case_event is 'One row per thing that happened to a case, with its reason. Append only.';
create index on alerts.case_event (case_id);

create table alerts.outbox (
    alert_id bigint generated always as identity primary key,
    dedup_key text not null unique,
    case_id bigint references alerts."case",
    kind text not null,
    channel text not null,
    recipient text not null,
    payload jsonb not null,
    state text not null default 'pending'
        check (state in ('pending', 'sending', 'sent', 'retry', 'unknown', 'dead', 'expired', 'suppressed')),
    attempts integer not null default 0,
    lease_owner text,
    lease_until timestamptz,
    next_attempt_at timestamptz not null,
    expires_at timestamptz not null,
    created_at timestamptz not null,
    sent_at timestamptz,
    reason text
);
comment on table alerts.outbox is 'One row per message to one recipient over one channel; written in the transaction that opens or raises the case.';
create index on alerts.outbox (next_attempt_at) where state in ('pending', 'retry', 'sending');

create table alerts.attempt (
    attempt_id bigint generated always as identity primary key,
    alert_id bigint not null references alerts.outbox,
    attempted_at timestamptz not null,
    outcome text not null check (outcome in ('sent', 'retry', 'unknown', 'dead')),
    detail text not null
);
comment on table alerts.attempt is 'One row per attempt to send a message. Append only.';
create index on alerts.attempt (alert_id);
"""


def upgrade() -> None:
    """Create the schemas and tables."""
    for schema in SCHEMAS:
        op.execute(f"create schema if not exists {schema}")
    op.execute(TABLES)
