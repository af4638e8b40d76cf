"""Rows about the company as a whole: for logins that see every customer (decision 0019)."""

from alembic import op

revision = "0009"
down_revision = "0008"

SHOW = """
create or replace function access.show(of_table regclass, about text) returns void
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
            when 'company' then every
            when 'nobody' then 'true'
        end
    );
    execute format('grant select on %s to bi_access', of_table);
end
$$;
comment on function access.show is 'Let the readers of bi see the rows of a table that their login may see. about: customer or person (the table has customer_id; person holds personal data), case (has case_id), company (figures of all customers together), nobody (no customer).';
"""


def upgrade() -> None:
    """Replace the function that grants; what it has granted stays."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(SHOW)
