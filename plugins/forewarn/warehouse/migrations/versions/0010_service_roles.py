"""Roles of the services that run with less than the owner's rights: scorer and dispatcher (decision 0020)."""

from alembic import op

revision = "0010"
down_revision = "0009"

# A role belongs to the server: another database of it may have created it, or may just be creating it.
ROLES = {
    "scorer": "Reads the marts, writes scores and what became of the model. No DDL.",
    "dispatcher": "Opens cases and sends: reads marts and scores, writes alerts, and only adds to the audit trail. No DDL.",
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

GRANTS = """
grant usage on schema marts, ml, ops to scorer, dispatcher;
grant usage on schema alerts, intermediate to dispatcher;

grant select on all tables in schema marts to scorer, dispatcher;
alter default privileges in schema marts grant select on tables to scorer, dispatcher;
-- Signals of words name the records that they rest on.
grant select on all tables in schema intermediate to dispatcher;
alter default privileges in schema intermediate grant select on tables to dispatcher;

grant select, insert, delete on ml.score to scorer;
grant select, insert, delete on ops.gate_result to scorer;

grant select on ml.score, ops.publication to dispatcher;
grant select, insert, delete on ops.late_stream to dispatcher;
grant select, insert, update on ops.trouble, alerts."case", alerts.outbox, alerts.hold to dispatcher;
grant select, insert, update, delete on alerts.signal to dispatcher;
grant select, insert on alerts.case_event, alerts.attempt to dispatcher;

create policy dispatcher on alerts."case" to dispatcher using (true) with check (true);
create policy dispatcher on alerts.case_event to dispatcher using (true) with check (true);
create policy dispatcher on alerts.hold to dispatcher using (true) with check (true);

-- It locks the row of the publication that it works on, for which PostgreSQL wants the right to change a column; the
-- policy lets no changed row through.
grant update (run_id) on ops.publication to dispatcher;
create policy dispatcher on ops.publication for select to dispatcher using (true);
create policy dispatcher_locks on ops.publication for update to dispatcher using (true) with check (false);
"""


def upgrade() -> None:
    """Create the roles and give each what its stages need."""
    create = [CREATE_ROLE.format(name=name, meaning=meaning) for name, meaning in ROLES.items()]
    for statements in (*create, GRANTS):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
