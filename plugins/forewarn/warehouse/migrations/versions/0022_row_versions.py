"""Raw rows as builds saw them before they changed, for dates that are built late (decision 0030); low stock is a trouble."""

from alembic import op

revision = "0022"
down_revision = "0021"

CHANGES = """
create table ops.row_version (
    schema_name text not null,
    table_name text not null,
    valid_to date not null,
    seen_batch_id bigint not null,
    content jsonb not null
);
create index row_version_valid_to on ops.row_version (valid_to);
comment on table ops.row_version is 'One row per raw row that a build had seen and that was changed or removed since, as that build saw it; without personal data. An as-of date that is built late counts it.';
comment on column ops.row_version.schema_name is 'Schema of the raw table.';
comment on column ops.row_version.table_name is 'The raw table.';
comment on column ops.row_version.valid_to is 'First as-of date that does not count the row: the day of the build that saw what took its place.';
comment on column ops.row_version.seen_batch_id is 'Newest batch that the last build that saw the row had seen.';
comment on column ops.row_version.content is 'The row by column, as far as mappings of what features rest on read it; of personal texts only that there was one.';
-- Which of several rows stands for a record goes by when they landed and by their digest.
create or replace function ops.keep_past() returns trigger language plpgsql as $$
begin
    insert into ops.past_row (schema_name, table_name, content)
    select tg_table_schema, tg_table_name, to_jsonb(past) from past;
    return null;
end $$;
alter table ops.warehouse_build add column as_of_date date;
comment on column ops.warehouse_build.as_of_date is 'Newest day that a build was a run of; null before the first.';

alter table ops.trouble drop constraint trouble_kind_check;
alter table ops.trouble add constraint trouble_kind_check check (kind in ('blocked', 'late', 'held', 'substituted', 'low_stock'));
comment on table ops.trouble is 'One row per trouble of a stream, of a model or with the stock of an article, told to operations once when it is noticed and, but for stock, once when it is over. Troubles that go on have no over_at. held: the model''s scores are not used; substituted: the champion could not be reached and another version scored. Source is then model, and stream its name. low_stock: source is the system that numbers the article, and stream its number.';
"""


def upgrade() -> None:
    """Create the table, let the build remember its day, and let stock be a trouble."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
