"""Identity: accounts as they were compared, the probable links between them, and people's decisions about them."""

from alembic import op

revision = "0006"
down_revision = "0005"

CHANGES = """
create schema identity;
comment on schema identity is 'Which accounts of different systems are one customer: what was compared, how alike, and what people decided. Holds personal data; no reader of bi reaches it.';

create table identity.record (
    source text not null,
    account_id text not null,
    digest text not null,
    name text,
    words text,
    form text,
    domain text,
    label text,
    tax_id text,
    country text,
    city text,
    street text,
    postcode text,
    emails text[] not null,
    phones text[] not null,
    keys text[] not null,
    primary key (source, account_id)
);
comment on table identity.record is 'One row per account as it was compared last, every value in one spelling; digest is that of the values as the source tells them. Only accounts that share one of the keys are compared.';
create index on identity.record using gin (keys);
create index on identity.record (name);

create table identity.model (
    model_id bigint generated always as identity primary key,
    fingerprint text not null,
    settings jsonb not null,
    basis text not null,
    accounts bigint not null,
    learnt_at timestamptz not null
);
comment on table identity.model is 'One row per full comparison: the settings of splink that it and the nights after it score with, and what they rest on. The newest counts.';

create table identity.link (
    source text not null,
    account_id text not null,
    other_source text not null,
    other_account_id text not null,
    probability double precision not null check (probability between 0 and 1),
    grounds text not null,
    state text not null check (state in ('certain', 'linked', 'possible', 'refused')),
    reason text not null,
    compared_at timestamptz not null,
    primary key (source, account_id, other_source, other_account_id),
    check ((source, account_id) < (other_source, other_account_id))
);
comment on table identity.link is 'One row per pair of accounts that are at least possibly one customer, the smaller first. certain: they are one by number or statement anyway; linked: the warehouse makes them one; possible: below the threshold; refused: something certain speaks against it, see reason.';
create index on identity.link (other_source, other_account_id);

create table identity.decision (
    decision bigint not null,
    line integer not null,
    action text not null check (action in ('join', 'separate')),
    source text not null,
    account_id text not null,
    other_source text,
    other_account_id text,
    reason text not null check (reason <> ''),
    decided_by text not null,
    decided_at timestamptz not null,
    undone_by text,
    undone_at timestamptz,
    undone_reason text,
    primary key (decision, line),
    check (num_nulls(other_source, other_account_id) = case action when 'join' then 0 else 2 end),
    check (num_nulls(undone_by, undone_at, undone_reason) in (0, 3))
);
comment on table identity.decision is 'One row per decision of a person and account it concerns: separate takes an account out of every automatic match, join makes it one customer with another account. A decision that was undone stays, with who and why.';

alter table alerts.case_event drop constraint case_event_kind_check;
alter table alerts.case_event add constraint case_event_kind_check check (
    kind in ('opened', 'raised', 'joined', 'refreshed', 'quiet', 'suppressed', 'notified', 'closed', 'held', 'released', 'dropped', 'moved')
);
"""


def upgrade() -> None:
    """Create the tables, and let cases move."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
