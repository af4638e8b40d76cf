"""What was read in the texts that customers write."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
create schema words;
comment on schema words is 'What was read in the texts that customers write; the texts themselves stay in raw_<source>';

create table words.reading (
    entity text not null check (entity in ('ticket', 'survey_response', 'review', 'mention')),
    source text not null,
    record_id text not null,
    text_hash text not null,
    batch_id bigint not null,
    language text check (language in ('en', 'zh')),
    sentiment double precision check (sentiment between -1 and 1),
    tone text check (tone in ('negative', 'neutral', 'positive')),
    read_with text not null,
    read_at timestamptz not null,
    primary key (entity, source, record_id),
    check (num_nulls(language, sentiment, tone) in (0, 3))
);
create index on words.reading (entity, read_with, batch_id);
comment on table words.reading is 'One row per text: a record of a source in which a customer wrote something. A text that changes is read again, and so are all of them when words.yml changes.';
comment on column words.reading.text_hash is 'MD5 of the text that was read.';
comment on column words.reading.language is 'en or zh; null for any other, which is not read.';
comment on column words.reading.sentiment is 'Chance of positive less chance of negative, -1 to 1; null where the language is not read.';
comment on column words.reading.tone is 'The most likely of negative, neutral and positive.';
comment on column words.reading.read_with is 'Digest of the configuration and the classifier.';

create table words.subject (
    entity text not null,
    source text not null,
    record_id text not null,
    kind text not null check (kind in ('topic', 'competitor')),
    name text not null,
    primary key (entity, source, record_id, kind, name),
    foreign key (entity, source, record_id) references words.reading on delete cascade
);
comment on table words.subject is 'One row per text and topic or competitor that it speaks of, by the names of words.yml.';
"""


def upgrade() -> None:
    """Create the tables."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(TABLES)
