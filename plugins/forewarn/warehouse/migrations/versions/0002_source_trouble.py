"""What went wrong with a source, stream by stream: removals, changed columns, and what stops it now."""

from alembic import op

revision = "0002"
down_revision = "0001"

CHANGES = """
alter table ops.batch
    add column rows_removed bigint not null default 0,
    add column complete boolean not null default false,
    add column keys_compared boolean not null default false,
    add column next_step text,
    add column transient boolean;
comment on column ops.batch.rows_removed is 'Records that the source no longer has; ops.tombstone names each.';
comment on column ops.batch.complete is 'Every row of the stream was asked for, not only what changed.';
comment on column ops.batch.keys_compared is 'The source''s keys were compared with those that have landed.';
comment on column ops.batch.transient is 'Whether a failed batch may succeed when it is tried again as it is.';

alter table ops.landed_file add column rows_in bigint;
comment on column ops.landed_file.rows_in is 'Rows read, when the file landed.';

create table ops.tombstone (
    source text not null,
    stream text not null,
    key jsonb not null,
    batch_id bigint not null references ops.batch,
    cause text not null check (cause in ('missing from the snapshot', 'missing from the keys', 'marked by the source')),
    removed_at timestamptz not null,
    primary key (source, stream, key, batch_id)
);
comment on table ops.tombstone is 'One row per record and batch that found it deleted in its source. No personal data but what the key is.';

create table ops.column_change (
    source text not null,
    stream text not null,
    column_name text not null,
    change text not null check (change in ('new', 'dropped', 'retyped')),
    was text,
    now_is text,
    effect text not null check (effect in ('ignored', 'added')),
    batch_id bigint not null references ops.batch,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    primary key (source, stream, column_name, change)
);
comment on table ops.column_change is 'One row per column that a source gained, lost or retyped and that did not stop its stream; a change of a mapped column does, see ops.source_trouble.';

create view ops.source_trouble as
select
    newest.source,
    newest.stream,
    first_failure.started_at as since,
    split_part(newest.error, '. Next: ', 1) as reason,
    coalesce(newest.next_step, 'run again; what had landed before is unchanged') as next_step,
    coalesce(newest.transient, true) as transient,
    first_failure.batches as failed_batches,
    last_good.finished_at as last_good_at,
    newest.batch_id
from (select distinct source, stream from ops.batch) as streams
cross join lateral (
    select batch.* from ops.batch as batch
    where batch.source = streams.source and batch.stream = streams.stream and batch.status <> 'running'
    order by batch.batch_id desc limit 1
) as newest
left join lateral (
    select good.batch_id, good.finished_at from ops.batch as good
    where good.source = streams.source and good.stream = streams.stream and good.status = 'landed'
    order by good.batch_id desc limit 1
) as last_good on true
cross join lateral (
    select min(failed.started_at) as started_at, count(*) as batches from ops.batch as failed
    where
        failed.source = streams.source and failed.stream = streams.stream and failed.status = 'failed'
        and failed.batch_id > coalesce(last_good.batch_id, 0)
) as first_failure
where newest.status = 'failed';
comment on view ops.source_trouble is 'One row per stream whose newest extraction failed: since when, why, and what to do. Empty when every source is well. A stream that is configured no longer stays until its rows in ops.batch go.';
"""


def upgrade() -> None:
    """Add the columns, tables and the view."""
    op.execute(CHANGES)
