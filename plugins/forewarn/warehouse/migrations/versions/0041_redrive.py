"""Rows that were set aside can be tried again: who asked, and what became of it (decision 0045); log-ins for the admin."""

from alembic import op

revision = "0041"
down_revision = "0039"

CHANGES = """
alter table ops.batch add column redrive boolean not null default false;
comment on column ops.batch.redrive is 'The rows came from quarantine.row, not from the source: says nothing of whether the source answers.';

create table ops.redrive_request (
    request_id bigint generated always as identity primary key,
    source text not null,
    stream text not null,
    reason text not null,
    asked_by text not null,
    asked_at timestamptz not null,
    done_at timestamptz,
    batch_id bigint references ops.batch,
    rows_tried bigint check (rows_tried >= 0),
    rows_landed bigint check (rows_landed >= 0),
    rows_known bigint check (rows_known >= 0),
    rows_set_aside bigint check (rows_set_aside >= 0),
    rows_kept bigint check (rows_kept >= 0),
    outcome text,
    check ((done_at is null) = (outcome is null)),
    check (rows_tried = rows_landed + rows_known + rows_set_aside)
);
create unique index on ops.redrive_request (source, stream) where done_at is null;
comment on table ops.redrive_request is 'One row per request to try again the rows of a stream that were set aside; one at most waits per stream. Asked for in the workbench it is carried out when the stream is next extracted.';
comment on column ops.redrive_request.asked_by is 'E-mail address of who asked in the workbench, or the user of the command line.';
comment on column ops.redrive_request.done_at is 'When it was carried out; null while it waits.';
comment on column ops.redrive_request.batch_id is 'The batch of its rows; null where no row could be tried.';
comment on column ops.redrive_request.rows_landed is 'Rows that left the quarantine for the raw table; rows_known: those that the warehouse had already, in this version or a newer one.';
comment on column ops.redrive_request.rows_set_aside is 'Rows that failed again, each with its new reason; rows_kept: those that could not be tried.';
comment on column ops.redrive_request.outcome is 'What became of it, with why rows could not be tried.';

create or replace view ops.source_trouble as
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
        and not batch.redrive
    order by batch.batch_id desc limit 1
) as newest
left join lateral (
    select good.batch_id, good.finished_at from ops.batch as good
    where good.source = streams.source and good.stream = streams.stream and good.status = 'landed' and not good.redrive
    order by good.batch_id desc limit 1
) as last_good on true
cross join lateral (
    select min(failed.started_at) as started_at, count(*) as batches from ops.batch as failed
    where
        failed.source = streams.source and failed.stream = streams.stream and failed.status = 'failed'
        and not failed.redrive and failed.batch_id > coalesce(last_good.batch_id, 0)
) as first_failure
where newest.status = 'failed';

grant select, insert (source, stream, reason, asked_by, asked_at) on ops.redrive_request to desk;
alter table ops.redrive_request enable row level security;
create policy desk_reads on ops.redrive_request for select to desk
    using (exists (select from workbench.viewer() as viewer where viewer.role in ('operations', 'admin')));
create policy desk_asks on ops.redrive_request for insert to desk with check (
    exists (select from workbench.viewer() as viewer where viewer.role in ('operations', 'admin') and viewer.email = asked_by)
);

create function workbench.accounts()
returns table (email text, name text, role text, locale text, managers text[], has_password boolean, disabled_at timestamptz, last_login_at timestamptz, open_sessions bigint)
language plpgsql stable security definer set search_path = pg_catalog
as $$
begin
    if exists (select from workbench.viewer() as viewer where viewer.role = 'admin') then
        return query
        select account.email, account.name, account.role, account.locale,
            array(
                select owned.owner_key from workbench.account_owner as owned
                where owned.account_id = account.account_id order by 1
            ),
            account.password_hash is not null, account.disabled_at, max(session.opened_at),
            count(*) filter (where session.ended_at is null and now() < session.ends_at)
        from workbench.account as account
        left join workbench.session as session on session.account_id = account.account_id
        group by account.account_id
        order by account.disabled_at is not null, account.email;
    end if;
end
$$;
comment on function workbench.accounts is 'Every account with its last log-in, without its password; for an admin alone.';
revoke execute on function workbench.accounts() from public;
grant execute on function workbench.accounts() to desk;
"""


def upgrade() -> None:
    """Mark batches of rows that are tried again, keep who asked for them, and show accounts to the admin."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
