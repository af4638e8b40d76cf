"""Roles of those that land and build: they own what they make, and may do little else (decision 0056)."""

from alembic import op

revision = "0056"
down_revision = "0051"

# A role belongs to the server: another database of it may have created it, or may just be creating it.
ROLES = {
    "loader": "Lands: owns the raw schemas, writes batches and quarantine. Reads nothing that is built.",
    "transformer": "Builds: owns staging, intermediate, marts and snapshots, reads what has landed and what was told. Sends nothing.",
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
# A superuser is a member of every role. Any other owner of the warehouse has made the roles and may enter them itself.
JOIN = """
do $$
declare
    builder text;
begin
    foreach builder in array array['loader', 'transformer'] loop
        if not (pg_has_role(current_user, builder, 'usage') and pg_has_role(current_user, builder, 'set')) then
            execute format('grant %I to current_user with inherit true, set true', builder);
        end if;
        -- Both sort in temporary tables, which logins that only read take from everybody.
        execute format('grant temporary on database %I to %I', current_database(), builder);
    end loop;
exception when insufficient_privilege then
    raise insufficient_privilege using
        message = format('%s may not enter the roles loader and transformer: %s', current_user, sqlerrm),
        hint = format('Let a superuser say: grant loader, transformer to %I with inherit true, set true', current_user);
end
$$
"""

# The owner's functions, since a raw schema is made in the database and raw rows are followed in ops.
FUNCTIONS = """
create function ops.make_raw_schema(wanted text) returns void
language plpgsql security definer set search_path = pg_catalog
as $$
begin
    if wanted !~ '^raw_' then
        raise insufficient_privilege using message = format('schema %s: expected a name that begins with raw_', wanted);
    end if;
    if to_regnamespace(quote_ident(wanted)) is null then
        execute format('create schema if not exists %I authorization loader', wanted);
        execute format('grant usage on schema %I to transformer', wanted);
    end if;
end
$$;
comment on function ops.make_raw_schema is 'Makes the schema of a source where there is none, for the loader to land in and the transformer to read.';
revoke execute on function ops.make_raw_schema(text) from public;
grant execute on function ops.make_raw_schema(text) to loader;

alter function ops.keep_past() security definer set search_path = pg_catalog, pg_temp;
alter function ops.forget_build() security definer set search_path = pg_catalog, pg_temp;
grant execute on function ops.follow(regclass, bigint), ops.keep_past(), ops.forget_build() to loader;

create function ops.hand_over() returns void
language plpgsql set search_path = pg_catalog
as $$
declare
    thing record;
begin
    for thing in
        select schema.nspname as name, schema.builder, pg_get_userbyid(nspowner) as owner
        from (
            select pg_namespace.*, case when nspname ~ '^raw_' then 'loader' else 'transformer' end as builder
            from pg_namespace
            where nspname ~ '^raw_' or nspname in ('staging', 'intermediate', 'marts', 'snapshots')
        ) as schema
    loop
        if thing.owner <> thing.builder then
            execute format('alter schema %I owner to %I', thing.name, thing.builder);
        end if;
        if thing.builder = 'loader' then
            execute format('grant usage on schema %I to transformer', thing.name);
            execute format('grant select on all tables in schema %I to transformer', thing.name);
        end if;
    end loop;
    for thing in
        select relnamespace::regnamespace::text as schema, relname as name, schema.nspowner::regrole::text as builder,
            case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end as kind
        from pg_class
        join pg_namespace as schema on schema.oid = relnamespace
        where (nspname ~ '^raw_' or nspname in ('staging', 'intermediate', 'marts', 'snapshots'))
            and relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relowner <> nspowner
            -- A column's own sequence goes with its table.
            and not (relkind = 'S' and exists (
                select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype in ('a', 'i')
            ))
    loop
        execute format('alter %s %s.%I owner to %s', thing.kind, thing.schema, thing.name, thing.builder);
    end loop;
end
$$;
comment on function ops.hand_over is 'Gives the raw schemas to the loader and the built ones to the transformer, with what is in them; what is theirs already stays untouched.';
revoke execute on function ops.hand_over() from public;
"""

RIGHTS = """
create schema if not exists snapshots;
alter default privileges for role loader grant select on tables to transformer;
alter default privileges for role transformer in schema marts grant select on tables to scorer, dispatcher, rule_editor;
alter default privileges for role transformer in schema intermediate grant select on tables to dispatcher, rule_editor;

grant usage on schema ops, quarantine to loader;
grant select, insert, update on ops.batch, ops.watermark, ops.landed_file, ops.column_change to loader;
grant select, insert on ops.tombstone to loader;
grant select on ops.erased to loader;
grant select, update on ops.redrive_request to loader;
grant select, insert, update, delete on quarantine.row to loader;
create policy loader on ops.batch to loader using (true) with check (true);
create policy loader on ops.redrive_request to loader using (true) with check (true);

grant usage on schema ops, ml, alerts, identity, words to transformer;
grant select, update on ops.warehouse_build to transformer;
grant select, truncate on ops.past_row to transformer;
grant select, insert on ops.row_version to transformer;
grant select on ops.batch, ops.publication, ops.late_stream to transformer;
grant select on ml.score, identity.link, identity.decision, words.reading, words.subject to transformer;
grant select on alerts."case", alerts.case_event, alerts.outbox, alerts.signal, alerts.task to transformer;
create policy transformer on ops.batch for select to transformer using (true);
create policy transformer on ops.publication for select to transformer using (true);
create policy transformer on ops.late_stream for select to transformer using (true);
create policy transformer on alerts."case" for select to transformer using (true);
create policy transformer on alerts.case_event for select to transformer using (true);
create policy transformer on alerts.outbox for select to transformer using (true);
create policy transformer on alerts.task for select to transformer using (true);
"""


def upgrade() -> None:
    """Create the roles with their rights; `forewarn.warehouse.migrate` hands over what there is."""
    create = [CREATE_ROLE.format(name=name, meaning=meaning) for name, meaning in ROLES.items()]
    for statements in (*create, JOIN, FUNCTIONS, RIGHTS):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
