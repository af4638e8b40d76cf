"""Which sessions of readers the watch has ended, and why."""

from alembic import op

revision = "0020"
down_revision = "0019"

CHANGES = """
create table ops.ended_session (
    ended_session_id bigint generated always as identity primary key,
    login text not null,
    application text not null,
    since timestamptz not null,
    ended_at timestamptz not null,
    reason text not null
);
comment on table ops.ended_session is 'One row per session of a reader of bi that `forewarn access watch` ended, since its query ran, or its transaction lay idle, for longer than readers.longest_query_minutes. The text of the query is not kept.';
"""


def upgrade() -> None:
    """Create the table."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
