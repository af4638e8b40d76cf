"""Operations hear of a champion that could not be reached, in whose place another version scored."""

from alembic import op

revision = "0016"
down_revision = "0015"

CHANGES = """
alter table ops.trouble drop constraint trouble_kind_check;
alter table ops.trouble add constraint trouble_kind_check check (kind in ('blocked', 'late', 'held', 'substituted'));
comment on table ops.trouble is 'One row per trouble of a stream or of a model, told to operations once when it is noticed and once when it is over. Troubles that go on have no over_at. held: the model''s scores are not used; substituted: the champion could not be reached and another version scored. Source is then model, and stream its name.';
"""


def upgrade() -> None:
    """Let a trouble be a substitution."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
