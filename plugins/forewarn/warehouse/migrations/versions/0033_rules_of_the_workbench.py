"""Where a version of a rule came from: what was made in the workbench does not end when no file names it."""

from alembic import op

revision = "0033"
down_revision = "0032"

CHANGES = """
alter table alerts.rule_version add column origin text not null default 'file' check (origin in ('file', 'workbench'));
comment on column alerts.rule_version.origin is 'file: taken up from config/rules; workbench: made in the rule editor, and not retired because no file names it.';
"""


def upgrade() -> None:
    """Add the column."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
