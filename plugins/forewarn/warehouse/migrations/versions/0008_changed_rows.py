"""What a build has seen, and the rows that were changed or removed since: a night's build reads these, not everything."""

from alembic import op

revision = "0008"
down_revision = "0007"

CHANGES = """
create table ops.warehouse_build (
    only_row boolean primary key default true check (only_row),
    built_from text,
    tested_batch_id bigint not null,
    batch_id bigint not null,
    build_number bigint not null
);
comment on table ops.warehouse_build is 'One row: the digest of the mappings and models that the intermediate layer was last built from, the newest batch that it has seen, and the number of that build; and the newest batch whose rows the staging layer has tested. Without a digest the next build is from nothing.';
insert into ops.warehouse_build values (true, null, -1, -1, 0);

create table ops.past_row (
    schema_name text not null,
    table_name text not null,
    content jsonb not null
);
comment on table ops.past_row is 'One row per raw row that was changed or removed since the last build, as it was before. The next build learns from it which records to look at again, and empties it.';

create function ops.keep_past() returns trigger language plpgsql as $$
begin
    insert into ops.past_row (schema_name, table_name, content)
    select tg_table_schema, tg_table_name, to_jsonb(past) - '_row_hash' - '_loaded_at' from past;
    return null;
end $$;

create function ops.forget_build() returns trigger language plpgsql as $$
begin
    update ops.warehouse_build set built_from = null;
    return null;
end $$;

create function ops.follow(raw regclass, first_batch bigint) returns void language plpgsql as $$
declare
    name text := (select relname from pg_class where oid = raw);
begin
    execute format('create index if not exists %I on %s (_batch_id) where _batch_id > %s',
        left(name, 57) || '_newer', raw, first_batch);
    execute format('create or replace trigger keep_changed after update on %s referencing old table as past'
        ' for each statement execute function ops.keep_past()', raw);
    execute format('create or replace trigger keep_removed after delete on %s referencing old table as past'
        ' for each statement execute function ops.keep_past()', raw);
    execute format('create or replace trigger forget_build after truncate on %s'
        ' for each statement execute function ops.forget_build()', raw);
end $$;
comment on function ops.follow is 'Makes what changes in a raw table from now on quick to find: an index of the rows of later batches, and triggers that keep what they replace in ops.past_row.';

do $$
declare
    raw regclass;
begin
    for raw in
        select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attname = '_batch_id'
        where c.relkind = 'r' and n.nspname like 'raw\\_%'
    loop
        perform ops.follow(raw, (select coalesce(max(batch_id), 0) from ops.batch));
    end loop;
end $$;
"""


def upgrade() -> None:
    """Create the tables, and follow the raw tables that there are."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
