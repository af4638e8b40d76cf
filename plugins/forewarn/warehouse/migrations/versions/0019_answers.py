"""What people answer to cases: outcome, snooze, the day an answer is due, and the events of all that (decision 0028)."""

from alembic import op

revision = "0019"
down_revision = "0018"

CHANGES = """
alter table alerts."case"
    add column outcome text check (outcome in ('saved', 'churned', 'false_alarm', 'no_answer', 'merged')),
    add column closed_as_of date,
    add column due_on date,
    add column snoozed_until date;
update alerts."case" set outcome = 'merged', closed_as_of = updated_as_of where state = 'closed';
alter table alerts."case" add constraint closed_with_an_outcome
    check ((state = 'closed') = (outcome is not null) and (outcome is null) = (closed_as_of is null));
comment on column alerts."case".outcome is 'What came of it, once it is closed: saved, churned, false_alarm, no_answer, or merged into the case of another customer.';
comment on column alerts."case".closed_as_of is 'Newest published day when it was closed: the cool-down counts from here.';
comment on column alerts."case".due_on is 'Day until which its level wants an answer.';
comment on column alerts."case".snoozed_until is 'Nobody is told before this day, unless the level becomes high.';

alter table alerts.case_event drop constraint case_event_kind_check;
alter table alerts.case_event add constraint case_event_kind_check check (
    kind in ('opened', 'raised', 'joined', 'refreshed', 'quiet', 'suppressed', 'notified', 'closed', 'held', 'released', 'dropped', 'moved',
        'acknowledged', 'started', 'snoozed', 'escalated')
);
comment on column alerts.case_event.kind is 'What happened: opened, raised, joined, refreshed, quiet, suppressed, notified, closed, held, released, dropped, moved, acknowledged, started, snoozed or escalated.';
"""


def upgrade() -> None:
    """Give cases what people say of them."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
