"""Who may read what: roles, the rows that each login sees, and nothing for anybody else.

Everything is keyed on `session_user`, the login itself, which neither `set role` nor a setting can change.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

# A role belongs to the server: another database of it may have created it, or may just be creating it.
ROLES = {
    "bi_access": "May use schema bi; which rows it sees depends on the other roles of the login.",
    "bi_reader": "Sees every row of bi, personal data masked.",
    "account_manager": "Sees the rows of bi about its own customers, personal data included.",
    "pii_reader": "Sees personal data of every row that it sees.",
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
    if not (pg_has_role('bi_reader', 'bi_access', 'member') and pg_has_role('account_manager', 'bi_access', 'member')) then
        grant bi_access to bi_reader, account_manager;
    end if;
exception when unique_violation or internal_error then
    null;
end
$$
"""

TABLES = """
create schema access;

create table access.login (
    login text not null,
    owner_key text not null,
    granted_at timestamptz not null,
    primary key (login, owner_key)
);
comment on table access.login is 'One row per database login and account manager whose customers it sees.';

create table published.customer_owner (
    customer_id text primary key,
    owner_key text not null
);
create index on published.customer_owner (owner_key);
comment on table published.customer_owner is 'One row per customer with an account manager, as of the version that readers see.';
"""

# The functions run with their owner's rights, so that no reader needs any on what they read; `session_user` stays the
# login's. A query calls each once, whatever its rows.
FUNCTIONS = """
create function access.sees_every_customer() returns boolean
language sql stable security definer set search_path = pg_catalog
return pg_has_role(session_user, 'bi_reader', 'member');

create function access.sees_personal_data() returns boolean
language sql stable security definer set search_path = pg_catalog
return pg_has_role(session_user, 'pii_reader', 'member');

create function access.own_customers() returns text[]
language sql stable security definer set search_path = pg_catalog
return (
    select coalesce(array_agg(owned.customer_id), '{}')
    from published.customer_owner as owned
    join access.login as granted on granted.owner_key = owned.owner_key
    where granted.login = session_user
);

create function access.show(of_table regclass, about text) returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    own constant text := 'customer_id = any ((select access.own_customers())::text[])';
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
            when 'nobody' then 'true'
        end
    );
    execute format('grant select on %s to bi_access', of_table);
end
$$;
comment on function access.show is 'Let the readers of bi see the rows of a table that their login may see. about: customer or person (the table has customer_id; person holds personal data), case (has case_id), nobody (no customer).';
"""

CLOSED = """
revoke execute on all functions in schema access from public;
grant execute on function access.sees_every_customer(), access.sees_personal_data(), access.own_customers() to bi_access;
grant usage on schema bi, published, alerts, ops, access to bi_access;
alter default privileges revoke execute on functions from public;
select access.show('alerts."case"', 'customer');
select access.show('alerts.case_event', 'case');
select access.show('ops.publication', 'nobody');

do $$
declare
    called regprocedure;
begin
    for called in
        select oid::regprocedure from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and (proname like 'lo\\_%' or proname in ('loread', 'lowrite'))
    loop
        execute format('revoke execute on function %s from public', called);
    end loop;
exception when insufficient_privilege then
    raise warning 'Large objects stay open to every login: the administrator of this server must revoke them (docs/how-to/give-access.md).';
end
$$;
"""


def upgrade() -> None:
    """Create roles, tables and functions, and close what PostgreSQL leaves open to everybody."""
    create = [CREATE_ROLE.format(name=name, meaning=meaning) for name, meaning in ROLES.items()]
    for statements in (*create, MEMBERS, TABLES, FUNCTIONS, CLOSED):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
