"""Operations are told of messages that were given up."""

from alembic import op

revision = "0028"
down_revision = "0027"

CHANGES = """
create index outbox_undelivered on alerts.outbox (alert_id) where state in ('dead', 'unknown');
alter table ops.trouble drop constraint trouble_kind_check;
alter table ops.trouble add constraint trouble_kind_check
    check (kind in ('blocked', 'late', 'held', 'substituted', 'low_stock', 'stopped', 'silent', 'undelivered'));
comment on table ops.trouble is 'One row per trouble of a stream, of a model, with the stock of an article, with a message, or of Forewarn itself, told to operations once when it is noticed and, for streams and models, once when it is over. Troubles that go on have no over_at. held: the model''s scores are not used; substituted: the champion could not be reached and another version scored. Source is then model, and stream its name. low_stock: source is the system that numbers the article, and stream its number. stopped: the circuit breaker keeps messages back; silent: no day was published for too long. Source is then forewarn. undelivered: a message was given up; source is its channel, and stream its number.';
"""


def upgrade() -> None:
    """Add the kind of trouble, and the index that finds what it is about."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
