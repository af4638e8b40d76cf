"""Words of cases and tasks that name a person, or that a person wrote, are personal data for readers of bi.

A policy hides rows, and no columns. Readers lose the columns, and find them in a view that has the rule of personal data
(decision 0051).
"""

from alembic import op

revision = "0051"
down_revision = "0050"

HIDE = """
create function access.hide(of_table regclass, columns text[]) returns void
language plpgsql set search_path = pg_catalog
as $$
begin
    execute format('revoke select on %s from bi_access', of_table);
    execute (
        select format('grant select (%s) on %s to bi_access', string_agg(quote_ident(attname), ', ' order by attnum), of_table)
        from pg_attribute
        where attrelid = of_table and attnum > 0 and not attisdropped and attname <> all (columns)
    );
end
$$;
comment on function access.hide is 'Take columns of a table from the readers of bi, who keep all others. To be called again once the table has a further column.';
revoke execute on function access.hide(regclass, text[]) from public;
"""

# Each is asked for once a query. The functions go by the login, whoever owns the view.
EVERY = "(select access.sees_every_customer())"
PERSON = f"({EVERY} and (select access.sees_personal_data()) or shown.customer_id in (select unnest(access.own_customers())))"
VIEWS = f"""
create view access.case_person with (security_barrier) as
select shown.case_id, shown.customer_id, shown.next_step
from alerts."case" as shown
where {PERSON};
comment on view access.case_person is 'One row per case whose customer''s personal data the login sees: the columns of bi.cases that name persons.';

create view access.task_person with (security_barrier) as
select shown.task_id, shown.customer_id, shown.text, shown.outcome
from alerts.task as shown
where {PERSON};
comment on view access.task_person is 'One row per task whose customer''s personal data the login sees: the columns of bi.tasks that name persons.';

create view access.case_event_reason with (security_barrier) as
select told.event_id, shown.case_id, shown.customer_id, told.reason
from alerts.case_event as told
join alerts."case" as shown on shown.case_id = told.case_id
where {PERSON} or ({EVERY} and not told.detail ?| array['by', 'channel']);
comment on view access.case_event_reason is 'One row per event of a case whose reason the login may read. What a person wrote (by) and what a channel answered (channel) may name persons.';

grant select on access.case_person, access.task_person, access.case_event_reason to bi_access;
-- Whoever sees a customer at the desk sees its persons.
grant select on alerts."case", alerts.task, alerts.case_event to desk;

select access.hide('alerts."case"', '{{next_step}}');
select access.hide('alerts.task', '{{text, outcome}}');
select access.hide('alerts.case_event', '{{reason}}');
"""

# Views that were published before; the next publication writes them the same way.
PUBLISHED = """
do $$
declare
    one record;
begin
    for one in
        select * from (values
            ('bi.cases', 'alerts."case"', 'access.case_person', 'case_id', '{next_step}'::text[]),
            ('bi.tasks', 'alerts.task', 'access.task_person', 'task_id', '{text, outcome}'),
            ('bi.case_events', 'alerts.case_event', 'access.case_event_reason', 'event_id', '{reason}')
        ) as views (shown, origin, person, key, hidden)
        where to_regclass(shown) is not null
    loop
        execute (
            select format(
                'create or replace view %s with (security_invoker = true) as select %s from %s as shown left join %s as person on shown.%I = person.%5$I',
                one.shown,
                string_agg(format('%I.%I', case when attname = any (one.hidden) then 'person' else 'shown' end, attname), ', ' order by attnum),
                one.origin, one.person, one.key
            )
            from pg_attribute where attrelid = one.shown::regclass and attnum > 0 and not attisdropped
        );
    end loop;
end
$$;
"""


def upgrade() -> None:
    """Hide the columns, and show them to those who see personal data."""
    for statements in (HIDE, VIEWS, PUBLISHED):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
