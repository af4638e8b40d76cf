"""Who was erased and stays so, what must be kept although somebody asks, and when nothing is sent."""

from alembic import op

revision = "0037"
down_revision = "0033"

CHANGES = """
create table ops.erasure (
    erasure_id bigint generated always as identity primary key,
    kind text not null check (kind in ('customer', 'contact')),
    subject text not null,
    reason text not null check (reason <> ''),
    erased_by text not null,
    erased_at timestamptz not null,
    places jsonb not null default '{}'
);
comment on table ops.erasure is 'One row per request that was carried out. subject: a customer_id, or source:number of a contact. places: how many rows or files lost something, by place. Holds no personal data.';

create table ops.erased (
    kind text not null check (kind in ('account', 'contact')),
    source text not null,
    number text not null,
    erasure_id bigint not null references ops.erasure,
    primary key (kind, source, number)
);
comment on table ops.erased is 'One row per account or contact, by its number in its source, whose personal columns are emptied whenever a row of it lands.';

create table ops.legal_hold (
    hold_id bigint generated always as identity primary key,
    customer_id text not null,
    reason text not null check (reason <> ''),
    placed_by text not null,
    placed_at timestamptz not null,
    lifted_by text,
    lifted_at timestamptz,
    lift_reason text,
    check (num_nulls(lifted_by, lifted_at, lift_reason) in (0, 3))
);
comment on table ops.legal_hold is 'One row per reason to keep what is known of a customer, whatever its age and whoever asks; it counts until it is lifted.';
create table alerts.pause (
    pause_id bigint generated always as identity primary key,
    paused_at timestamptz not null,
    paused_by text not null,
    reason text not null check (reason <> ''),
    resumed_at timestamptz,
    resumed_by text,
    resume_reason text,
    check (num_nulls(resumed_at, resumed_by, resume_reason) in (0, 3))
);
comment on table alerts.pause is 'One row per time in which nothing was sent, by decision or after a restore; it lasts until it is resumed.';
create unique index pause_stands on alerts.pause ((true)) where resumed_at is null;
grant select, insert, update on alerts.pause to dispatcher;

create unique index legal_hold_stands on ops.legal_hold (customer_id) where lifted_at is null;
"""


def upgrade() -> None:
    """Create the tables."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
