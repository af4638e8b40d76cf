"""Who logs in to the workbench, what each sees there, and the roles that its pages run as (decision 0040)."""

from alembic import op

revision = "0032"
down_revision = "0028"

# A role belongs to the server: another database of it may have created it, or may just be creating it.
ROLES = {
    "desk": "Pages of the workbench behind a log-in: sees and answers what the person of its session may. No DDL.",
    "rule_editor": "The rule editor of the workbench: replays rules over every customer, keeps versions and their trail. No DDL.",
}
CREATE_ROLE = """
do $$
begin
    create role {name} nologin;
    comment on role {name} is '{meaning}';
exception when duplicate_object or unique_violation then
    null;
end
$$
"""
MEMBERS = """
do $$
begin
    if not pg_has_role('desk', 'bi_access', 'member') then
        grant bi_access to desk;
    end if;
exception when unique_violation or internal_error then
    null;
end
$$
"""

TABLES = """
create schema workbench;

create table workbench.account (
    account_id bigint generated always as identity primary key,
    email text not null check (email = lower(email)),
    name text not null,
    role text not null check (role in ('manager', 'lead', 'operations', 'admin')),
    locale text not null,
    password_hash text,
    disabled_at timestamptz,
    created_at timestamptz not null
);
create unique index on workbench.account (email);
comment on table workbench.account is 'One row per person who may log in to the workbench.';
comment on column workbench.account.role is 'manager: own customers; lead: every customer, or those of the managers in account_owner; operations: no customer; admin: every customer, and accounts.';
comment on column workbench.account.password_hash is 'Argon2id; null for who logs in at the company''s own identity provider alone.';
comment on column workbench.account.disabled_at is 'Since when its sessions count no more; null while it may log in.';

create table workbench.account_owner (
    account_id bigint not null references workbench.account,
    owner_key text not null,
    primary key (account_id, owner_key)
);
comment on table workbench.account_owner is 'One row per account and account manager, as source|owner_id, whose customers it sees.';

create table workbench.account_event (
    event_id bigint generated always as identity primary key,
    account_id bigint not null references workbench.account,
    kind text not null check (kind in ('added', 'password', 'disabled', 'enabled')),
    by text not null,
    happened_at timestamptz not null
);
comment on table workbench.account_event is 'One row per change of an account, and who made it. Append only.';

create table workbench.session (
    session_id bigint generated always as identity primary key,
    digest bytea not null unique,
    account_id bigint not null references workbench.account,
    way text not null check (way in ('password', 'oidc')),
    opened_at timestamptz not null default now(),
    ends_at timestamptz not null,
    ended_at timestamptz
);
comment on table workbench.session is 'One row per log-in that succeeded. digest: SHA-256 of the secret that the browser''s cookie holds; the secret itself is kept nowhere.';

create table workbench.login_attempt (
    attempt_id bigint generated always as identity primary key,
    email_digest bytea not null,
    address text not null,
    succeeded boolean not null,
    attempted_at timestamptz not null default now()
);
create index on workbench.login_attempt (email_digest, attempted_at);
create index on workbench.login_attempt (address, attempted_at);
comment on table workbench.login_attempt is 'One row per attempt to log in by a password. The address typed is kept as SHA-256 alone: some type their password there.';
comment on column workbench.login_attempt.address is 'Network address that it came from.';
"""

# The setting proves itself: whoever can name the secret of a session has logged in. Nothing but `desk` reads it, so that
# readers of bi gain nothing by it.
FUNCTIONS = """
create function workbench.viewer()
returns table (account_id bigint, email text, name text, role text, locale text)
language sql stable security definer set search_path = pg_catalog
begin atomic
    select account.account_id, account.email, account.name, account.role, account.locale
    from workbench.session as session
    join workbench.account as account on account.account_id = session.account_id
    where session.digest = sha256(convert_to(current_setting('forewarn.session', true), 'UTF8'))
        and session.ended_at is null and now() < session.ends_at and account.disabled_at is null;
end;
comment on function workbench.viewer is 'Whose session the setting forewarn.session names by its secret; no row where it names none that holds.';

create function workbench.viewer_sees_every_customer() returns boolean
language sql stable security definer set search_path = pg_catalog
return exists (
    select from workbench.viewer() as viewer
    where viewer.role = 'admin' or (viewer.role = 'lead' and not exists (
        select from workbench.account_owner as owned where owned.account_id = viewer.account_id
    ))
);

create or replace function access.sees_every_customer() returns boolean
language sql stable security definer set search_path = pg_catalog
return case
    when current_setting('role') = 'desk' then workbench.viewer_sees_every_customer()
    else pg_has_role(session_user, 'bi_reader', 'member')
end;

create or replace function access.sees_personal_data() returns boolean
language sql stable security definer set search_path = pg_catalog
return case
    when current_setting('role') = 'desk' then workbench.viewer_sees_every_customer()
    else pg_has_role(session_user, 'pii_reader', 'member')
end;

create or replace function access.own_customers() returns text[]
language sql stable security definer set search_path = pg_catalog
return (
    select coalesce(array_agg(owned.customer_id), '{}')
    from published.customer_owner as owned
    where owned.owner_key in (
        select granted.owner_key from access.login as granted
        where granted.login = session_user and current_setting('role') <> 'desk'
        union all
        select mine.owner_key from workbench.account_owner as mine
        join workbench.viewer() as viewer on viewer.account_id = mine.account_id
        where current_setting('role') = 'desk' and viewer.role in ('manager', 'lead')
    )
);

-- The event spine is dbt's, which builds it anew: what may be seen of it is asked for here.
create function workbench.timeline(of_customer text, most integer, but text[] default '{}', of_source text default null, of_record text default null)
returns table (happened_on date, kind text, entity text, source text, record_id text, amount double precision, detail text)
language plpgsql stable security definer set search_path = pg_catalog
as $$
begin
    if to_regclass('intermediate.int_customer_events') is null or not (
        access.sees_every_customer() or of_customer = any (access.own_customers())
    ) then
        return;
    end if;
    return query
    select events.day, events.kind, events.entity, events.source, events.source_record_id, events.amount::double precision, events.detail
    from intermediate.int_customer_events as events
    where events.customer_id = of_customer and events.kind <> 'removed' and events.kind <> all (but)
        and (of_source is null or events.source = of_source) and (of_record is null or events.source_record_id = of_record)
    order by events.day desc, events.event_key
    limit most;
end
$$;
comment on function workbench.timeline is 'The newest events of a customer that the viewer may see, newest first, without some kinds, or those of one record alone; none of any other customer.';

create function workbench.rows_set_aside()
returns table (source text, stream text, column_name text, reason text, set_aside bigint, newest timestamptz)
language plpgsql stable security definer set search_path = pg_catalog
as $$
begin
    if exists (select from workbench.viewer() as viewer where viewer.role in ('operations', 'admin')) then
        return query
        select held.source, held.stream, held.column_name, held.reason, count(*), max(held.quarantined_at)
        from quarantine."row" as held
        group by held.source, held.stream, held.column_name, held.reason
        order by max(held.quarantined_at) desc, count(*) desc;
    end if;
end
$$;
comment on function workbench.rows_set_aside is 'How many rows landing set aside, by reason; without what stood in them, and for operations and admin alone.';
"""

# A list within a policy is compared row by row; a set is looked up once a row, however many customers it has.
SETS = """
create or replace function access.show(of_table regclass, about text) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    own constant text := 'customer_id in (select unnest(access.own_customers()))';
    every constant text := '(select access.sees_every_customer())';
begin
    execute format('alter table %s enable row level security', of_table);
    execute format('drop policy if exists readers on %s', of_table);
    execute format(
        'create policy readers on %s for select to bi_access using (%s)',
        of_table,
        case about
            when 'customer' then every || ' or ' || own
            when 'person' then '(' || every || ' and (select access.sees_personal_data())) or ' || own
            when 'case' then 'exists (select from alerts."case" as shown where shown.case_id = ' || of_table || '.case_id)'
            when 'company' then every
            when 'nobody' then 'true'
        end
    );
    execute format('grant select on %s to bi_access', of_table);
end
$$;

do $$
declare
    shown record;
begin
    for shown in
        select format('%I.%I', schemaname, tablename)::regclass as of_table, qual from pg_policies
        where policyname = 'readers' and qual like '%own_customers%'
    loop
        perform access.show(
            shown.of_table, case when shown.qual like '%sees_personal_data%' then 'person' else 'customer' end
        );
    end loop;
end
$$;
"""

GRANTS = """
revoke execute on all functions in schema workbench from public;
grant usage on schema workbench to desk, web;
grant execute on function workbench.viewer(), workbench.timeline(text, integer, text[], text, text), workbench.rows_set_aside() to desk;

grant select on workbench.account to web;
grant select, insert on workbench.session, workbench.login_attempt to web;
grant update (ended_at) on workbench.session to web;

-- Reading goes by the policies for readers of bi; writing is what the role `web` may, of the viewer's own customers.
grant update (state, outcome, closed_as_of, closed_at, snoozed_until, updated_at) on alerts."case" to desk;
create policy desk on alerts."case" for update to desk
    using ((select access.sees_every_customer()) or customer_id in (select unnest(access.own_customers())));
grant insert on alerts.case_event to desk;
create policy desk on alerts.case_event for insert to desk
    with check (exists (select from alerts."case" as shown where shown.case_id = case_event.case_id));
grant select, insert, update (state, reason) on alerts.outbox to desk;
create policy desk on alerts.outbox for select to desk
    using (exists (select from alerts."case" as shown where shown.case_id = outbox.case_id));
create policy desk_answers on alerts.outbox for update to desk
    using (exists (select from alerts."case" as shown where shown.case_id = outbox.case_id));
create policy desk_tells on alerts.outbox for insert to desk
    with check (kind = 'action' and exists (select from alerts."case" as shown where shown.case_id = outbox.case_id));
grant update (state, outcome, ended_at) on alerts.task to desk;
create policy desk on alerts.task for update to desk
    using ((select access.sees_every_customer()) or customer_id in (select unnest(access.own_customers())));
grant insert on alerts.task_event to desk;

create index on alerts."case" (expected_loss desc, case_id) where state <> 'closed';

-- Who is away concerns everybody who is told in their place.
grant select, insert, update (ended_day, ended_by, ended_at, end_reason) on alerts.absence, alerts.silence to desk;
alter table alerts.absence enable row level security;
alter table alerts.silence enable row level security;
create policy dispatcher on alerts.absence for select to dispatcher using (true);
create policy dispatcher on alerts.silence for select to dispatcher using (true);
create policy desk_reads on alerts.absence for select to desk using (true);
create policy desk_reads on alerts.silence for select to desk
    using (exists (select from workbench.viewer() as viewer where viewer.role <> 'manager'));
create policy desk_enters on alerts.absence for insert to desk with check (
    exists (select from workbench.viewer() as viewer where viewer.role <> 'manager' or viewer.email = lower(person))
);
create policy desk_ends on alerts.absence for update to desk using (
    exists (select from workbench.viewer() as viewer where viewer.role <> 'manager' or viewer.email = lower(person))
);
create policy desk_enters on alerts.silence for insert to desk
    with check (exists (select from workbench.viewer() as viewer where viewer.role <> 'manager'));
create policy desk_ends on alerts.silence for update to desk
    using (exists (select from workbench.viewer() as viewer where viewer.role <> 'manager'));

-- Data health: nothing about a customer.
grant select on ops.gate_result, ops.batch, ops.watermark, ops.trouble, ops.late_stream to desk;

grant usage on schema marts, intermediate, alerts to rule_editor;
grant select on all tables in schema marts, intermediate to rule_editor;
alter default privileges in schema marts grant select on tables to rule_editor;
alter default privileges in schema intermediate grant select on tables to rule_editor;
grant select, insert on alerts.backtest, alerts.rule_version, alerts.rule_event to rule_editor;
grant update (state, content) on alerts.rule_version to rule_editor;
grant select on alerts.shadow_signal, alerts.signal to rule_editor;
"""


def upgrade() -> None:
    """Create the tables, functions and roles, and let the pages in."""
    create = [CREATE_ROLE.format(name=name, meaning=meaning) for name, meaning in ROLES.items()]
    for statements in (*create, MEMBERS, TABLES, FUNCTIONS, SETS, GRANTS):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
