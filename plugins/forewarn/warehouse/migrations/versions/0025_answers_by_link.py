"""Answers by signed links: what readers find useful, what they take back, which mails they want; the role of the workbench."""

from alembic import op

revision = "0025"
down_revision = "0024"

# A role belongs to the server: another database of it may have created it, or may just be creating it.
CREATE_ROLE = """
do $$
begin
    create role web nologin;
    comment on role web is 'The workbench: reads cases and their messages, writes down what people answer, and only adds to the audit trail. No DDL.';
exception when duplicate_object or unique_violation then
    null;
end
$$
"""

CHANGES = """
alter table alerts.case_event drop constraint case_event_kind_check;
alter table alerts.case_event add constraint case_event_kind_check check (
    kind in ('opened', 'raised', 'joined', 'refreshed', 'quiet', 'suppressed', 'notified', 'closed', 'held', 'released', 'dropped', 'moved',
        'acknowledged', 'started', 'snoozed', 'escalated', 'deferred', 'feedback', 'taken_back')
);
comment on column alerts.case_event.kind is 'What happened: opened, raised, joined, refreshed, quiet, suppressed, notified, closed, held, released, dropped, moved, acknowledged, started, snoozed, escalated, feedback (its reader found it useful) or taken_back (an answer that no longer holds; detail names its event).';

create table alerts.mail_wish (
    wish_id bigint generated always as identity primary key,
    recipient text not null,
    from_level text not null check (from_level in ('low', 'high')),
    alert_id bigint not null references alerts.outbox,
    said_at timestamptz not null
);
create index on alerts.mail_wish (recipient, wish_id);
comment on table alerts.mail_wish is 'One row per wish of a reader about mails, the newest of a reader holds. from_level: the lowest level of case of which mails are wanted; low is every mail. Append only.';
comment on column alerts.mail_wish.recipient is 'Address of the reader, in lower case.';
comment on column alerts.mail_wish.from_level is 'high: mails of high cases alone; low: every mail.';
comment on column alerts.mail_wish.alert_id is 'The message whose link the reader followed.';

grant usage on schema alerts, ops to web;
grant select on alerts."case", alerts.case_event, alerts.outbox, alerts.mail_wish, ops.publication to web;
grant update (state, outcome, closed_as_of, closed_at, snoozed_until, updated_at) on alerts."case" to web;
grant update (state, reason) on alerts.outbox to web;
grant insert on alerts.case_event, alerts.mail_wish to web;
create policy web on alerts."case" to web using (true) with check (true);
create policy web on alerts.case_event to web using (true) with check (true);
create policy web on ops.publication for select to web using (true);

-- An answer that closes a case ends its tasks, and tells the systems that know of them: of that, and of nothing else, may
-- the workbench put messages into the outbox.
alter table alerts.outbox enable row level security;
create policy dispatcher on alerts.outbox to dispatcher using (true) with check (true);
create policy web on alerts.outbox for select to web using (true);
create policy web_answers on alerts.outbox for update to web using (true) with check (true);
create policy web_tells on alerts.outbox for insert to web with check (kind = 'action');
grant insert on alerts.outbox to web;

grant select on alerts.mail_wish to dispatcher;
"""


def upgrade() -> None:
    """Create the role and the table, and let a case say the new things."""
    for statements in (CREATE_ROLE, CHANGES):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
