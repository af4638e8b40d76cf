"""When and how often people are told: deferred messages, digests, caps, the circuit breaker, and a heartbeat."""

from alembic import op

revision = "0027"
down_revision = "0026"

CHANGES = """
create table alerts.digest (
    digest_id bigint generated always as identity primary key,
    channel text not null,
    recipient text not null,
    begun_at timestamptz not null
);
comment on table alerts.digest is 'One row per digest: the message in which one reader gets over one channel what is not urgent. Written before the first attempt to send it, so that a repeat is the same digest under the same key; what is in it, and what became of that, says alerts.outbox.';
comment on column alerts.digest.digest_id is 'Its number.';
comment on column alerts.digest.channel is 'Channel over which it goes.';
comment on column alerts.digest.recipient is 'Its reader''s address.';
comment on column alerts.digest.begun_at is 'When it was put together; its date as a mail.';
grant select, insert on alerts.digest to dispatcher;

alter table alerts.outbox
    add column time_zone text,
    add column gathered boolean not null default false,
    add column digest_id bigint references alerts.digest;
create index outbox_digest on alerts.outbox (digest_id) where digest_id is not null;
comment on column alerts.outbox.time_zone is 'IANA zone of the reader''s clock, by which quiet hours and the digest go; null: the company''s own.';
comment on column alerts.outbox.gathered is 'Whether it goes in the reader''s digest; otherwise it goes on its own.';
comment on column alerts.outbox.digest_id is 'The digest in which it goes or went; null before it is put together.';

alter table alerts."case" drop constraint case_withheld_check;
alter table alerts."case" add constraint case_withheld_check
    check (withheld in ('control', 'pilot', 'capacity', 'silence', 'inhibited', 'contact_cap', 'circuit_breaker'));
comment on column alerts."case".withheld is 'Why nobody is told of it: control, the customer is of the random group that shows what happens without a call; pilot, alerts.pilot does not hold for the customer; capacity, others with more at stake filled the reader''s week; silence, somebody silenced such signals; inhibited, a graver matter of the customer comes first; contact_cap, people were told about the customer as often as alerts.contact_cap allows; circuit_breaker, too many cases of the day, and nobody has released them. Null: somebody is told, or the level is low.';

alter table alerts.case_event drop constraint case_event_kind_check;
alter table alerts.case_event add constraint case_event_kind_check check (
    kind in ('opened', 'raised', 'joined', 'refreshed', 'quiet', 'suppressed', 'notified', 'closed', 'held', 'released', 'dropped', 'moved',
        'acknowledged', 'started', 'snoozed', 'escalated', 'deferred', 'feedback', 'taken_back')
);
comment on column alerts.case_event.kind is 'What happened: opened, raised, joined, refreshed, quiet, suppressed, notified, closed, held, released, dropped, moved, acknowledged, started, snoozed, escalated, deferred (its message may not go yet), feedback (its reader found it useful) or taken_back (an answer that no longer holds; detail names its event).';

create table alerts.stop (
    as_of_date date primary key,
    cases integer not null,
    eligible integer not null,
    share_limit double precision not null,
    reason text not null,
    stopped_at timestamptz not null,
    released_at timestamptz,
    released_by text,
    release_reason text,
    check ((released_at is null) = (released_by is null) and (released_at is null) = (release_reason is null))
);
comment on table alerts.stop is 'One row per day on which the circuit breaker kept all messages about cases back, and who released them.';
comment on column alerts.stop.as_of_date is 'The day.';
comment on column alerts.stop.cases is 'Cases of which people would have been told.';
comment on column alerts.stop.eligible is 'Customers who were judged that day.';
comment on column alerts.stop.share_limit is 'alerts.circuit_breaker.share as it was: the share of them from which on nobody is told.';
comment on column alerts.stop.reason is 'In words, with the rules and the model by their numbers of cases.';
comment on column alerts.stop.stopped_at is 'When it was noticed.';
comment on column alerts.stop.released_at is 'When somebody said that they may go; null: nobody did.';
comment on column alerts.stop.released_by is 'Who.';
comment on column alerts.stop.release_reason is 'Why.';
grant select, insert, update on alerts.stop to dispatcher;

alter table ops.trouble drop constraint trouble_kind_check;
alter table ops.trouble add constraint trouble_kind_check
    check (kind in ('blocked', 'late', 'held', 'substituted', 'low_stock', 'stopped', 'silent'));
comment on table ops.trouble is 'One row per trouble of a stream, of a model, with the stock of an article, or of Forewarn itself, told to operations once when it is noticed and, but for stock, once when it is over. Troubles that go on have no over_at. held: the model''s scores are not used; substituted: the champion could not be reached and another version scored. Source is then model, and stream its name. low_stock: source is the system that numbers the article, and stream its number. stopped: the circuit breaker keeps messages back; silent: no day was published for too long. Source is then forewarn.';
"""


def upgrade() -> None:
    """Add the tables and columns, and what may be said of cases and troubles."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
