"""What people do by when: tasks of cases and after purchases, and what happened to each (decision 0034)."""

from alembic import op

revision = "0026"
down_revision = "0025"

TABLES = """
create table alerts.task (
    task_id bigint generated always as identity primary key,
    case_id bigint references alerts."case",
    customer_id text not null,
    order_key text,
    role text not null,
    step text not null,
    step_version text not null,
    text text not null,
    owner_name text,
    owner_email text not null,
    contact_every_days integer,
    created_as_of date not null,
    due_on date not null,
    state text not null default 'open' check (state in ('open', 'done', 'dropped')),
    outcome text,
    created_at timestamptz not null,
    ended_at timestamptz,
    check ((state = 'open') = (ended_at is null) and (state = 'open') = (outcome is null)),
    check (num_nonnulls(case_id, order_key) = 1)
);
comment on table alerts.task is 'One row per case, role and step of a playbook, or per order and reminder after a purchase: what somebody is to do, and by when.';
create unique index one_task_a_step on alerts.task (case_id, role, step) where case_id is not null;
create unique index one_reminder_an_order on alerts.task (order_key, step) where order_key is not null;
create index on alerts.task (customer_id);
comment on column alerts.task.task_id is 'The task, as `forewarn task` names it.';
comment on column alerts.task.case_id is 'The case that it belongs to; null for a reminder after a purchase.';
comment on column alerts.task.customer_id is 'The customer.';
comment on column alerts.task.order_key is 'The order that it follows, as source|order_id; null for a task of a case.';
comment on column alerts.task.role is 'Who does it: account_manager, finance or service.';
comment on column alerts.task.step is 'The step of playbooks.yml that asks for it.';
comment on column alerts.task.step_version is 'Digest of that step as it read when the task was last written.';
comment on column alerts.task.text is 'What to do and what to offer, in the language of who does it.';
comment on column alerts.task.owner_name is 'Who does it; null where only an address is known.';
comment on column alerts.task.owner_email is 'Address of who does it.';
comment on column alerts.task.contact_every_days is 'The playbook''s touch frequency: fewest days between two contacts of the customer; null where it says none.';
comment on column alerts.task.created_as_of is 'Day whose data asked for it.';
comment on column alerts.task.due_on is 'Day by which it is to be done, never on a weekend.';
comment on column alerts.task.state is 'open, done or dropped.';
comment on column alerts.task.outcome is 'What came of it, or why it was dropped; null while it is open.';
comment on column alerts.task.created_at is 'When it was written.';
comment on column alerts.task.ended_at is 'When it was done or dropped; null while it is open.';

create table alerts.task_event (
    event_id bigint generated always as identity primary key,
    task_id bigint not null references alerts.task,
    kind text not null check (kind in ('created', 'tightened', 'done', 'dropped', 'reopened')),
    reason text not null,
    by text not null,
    happened_at timestamptz not null
);
comment on table alerts.task_event is 'One row per thing that happened to a task, with its reason and who did it. Append only.';
create index on alerts.task_event (task_id);

select access.show('alerts.task', 'customer');
create policy dispatcher on alerts.task to dispatcher using (true) with check (true);
grant select, insert, update on alerts.task to dispatcher;
grant select, insert on alerts.task_event to dispatcher;
-- An answer that closes a case ends its tasks, and taking it back opens them again.
create policy web on alerts.task to web using (true) with check (true);
grant select on alerts.task to web;
grant update (state, outcome, ended_at) on alerts.task to web;
grant insert on alerts.task_event to web;
"""


def upgrade() -> None:
    """Create the tables, and let their readers and the dispatcher in."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(TABLES)
