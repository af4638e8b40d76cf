"""What was done about a case, beside what came of it, and which arm of the comparison a case was drawn into (decision 0042)."""

from alembic import op

revision = "0038"
down_revision = "0037"

CHANGES = """
alter table alerts."case"
    add column intervention text
        check (intervention in ('none', 'call', 'visit', 'message', 'offer', 'advice', 'service')),
    add column intervention_presumed boolean,
    add column intervention_cost numeric check (intervention_cost >= 0),
    add column arm text check (arm in ('told', 'control')),
    add column drawn_as_of date,
    add column control_share double precision check (control_share > 0 and control_share < 1);
update alerts."case"
set intervention = case when outcome in ('merged', 'false_alarm') then 'none' else 'call' end, intervention_presumed = true
where state = 'closed';
alter table alerts."case"
    add constraint closed_with_an_intervention check (
        (state = 'closed') = (intervention is not null)
        and (intervention is null) = (intervention_presumed is null)
        and (intervention_cost is null or intervention is not null)
    ),
    add constraint drawn_as_a_whole check (num_nulls(arm, drawn_as_of, control_share) in (0, 3));
comment on column alerts."case".intervention is 'What was done, once it is closed: none, call, visit, message, offer, advice or service; the dearest of several.';
comment on column alerts."case".intervention_presumed is 'Nobody said what was done: it is what the outcome suggests, a call, or none for a false alarm.';
comment on column alerts."case".intervention_cost is 'What it cost, in the company''s currency, where somebody said so; null: the usual cost of a contact.';
comment on column alerts."case".arm is 'The arm of the comparison with the control group that the case was drawn into when people were first to be told of it; it never changes. Null: no draw.';
comment on column alerts."case".drawn_as_of is 'As-of date of the draw: the window in which the customer may leave begins here.';
comment on column alerts."case".control_share is 'alerts.control_share at the draw.';

grant update (intervention, intervention_presumed, intervention_cost) on alerts."case" to web, desk;
"""


def upgrade() -> None:
    """Let a closed case say what was done, and a drawn one into which arm."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
