"""Cases that open and that nobody is told of: control group, outside the pilot, or beyond a reader's capacity."""

from alembic import op

revision = "0021"
down_revision = "0020"

CHANGES = """
alter table alerts."case" add column withheld text check (withheld in ('control', 'pilot', 'capacity'));
comment on column alerts."case".withheld is 'Why nobody is told of it: control, the customer is of the random group that shows what happens without a call; pilot, alerts.pilot does not hold for the customer; capacity, others with more at stake filled the reader''s week. Null: everyone concerned is told, or the level is low.';
"""


def upgrade() -> None:
    """Let a case say why nobody is told."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
