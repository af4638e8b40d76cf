"""What the loop finds: who left without an alert and what would have shown it, and the reports that were made (decision 0043)."""

from alembic import op

revision = "0039"
down_revision = "0038"

TABLES = """
create table alerts.missed_churn (
    customer_id text not null,
    definition text not null check (definition in ('non_contractual', 'contractual')),
    gone_on date not null,
    looked_from date not null,
    dates integer not null check (dates >= 0),
    detectable_on date check (detectable_on >= looked_from and detectable_on < gone_on),
    signal_kind text check (signal_kind in ('rule', 'model')),
    signal text,
    why text not null check (why in ('not_in_use', 'threshold', 'low', 'kept_back', 'not_run', 'unknown', 'nothing')),
    reason text not null,
    examined_as_of date not null,
    examined_at timestamptz not null,
    primary key (definition, customer_id, gone_on),
    check ((why in ('unknown', 'nothing')) = (detectable_on is null)),
    check ((detectable_on is null) = (signal_kind is null))
);
comment on table alerts.missed_churn is 'One row per leaving that no alert foresaw: the first date on which a rule, or the model at its present threshold, would have shown it, and why it did not. Examined anew each time, so that what rules and the model would say today stands here.';
comment on column alerts.missed_churn.customer_id is 'The customer.';
comment on column alerts.missed_churn.definition is 'Definition of churn.';
comment on column alerts.missed_churn.gone_on is 'Day on which the customer counts as gone.';
comment on column alerts.missed_churn.looked_from is 'First day of the horizon before: an alert before that would have been wrong.';
comment on column alerts.missed_churn.dates is 'As-of dates of that horizon that the warehouse holds.';
comment on column alerts.missed_churn.detectable_on is 'First of these on which something would have fired; null where nothing would.';
comment on column alerts.missed_churn.signal_kind is 'rule or model; null where nothing would have fired.';
comment on column alerts.missed_churn.signal is 'The rule, or the definition that the model foresees; of why unknown the rules that could not judge.';
comment on column alerts.missed_churn.why is 'not_in_use: the rule was no live one then; threshold: the model''s threshold was higher then; low: a low signal alone tells nobody; kept_back: it waited for late data, or a case had been closed shortly before; not_run: no live run of that date; unknown: rules could not judge for want of data; nothing: nothing in the data showed it.';
comment on column alerts.missed_churn.reason is 'The same as a sentence.';
comment on column alerts.missed_churn.examined_as_of is 'Newest published day when it was examined.';
comment on column alerts.missed_churn.examined_at is 'When it was examined.';

create table alerts.report (
    report_id bigint generated always as identity primary key,
    kind text not null check (kind in ('monthly')),
    month date not null check (month = date_trunc('month', month)),
    locale text not null,
    html_path text not null,
    pdf_path text not null,
    pdf_sha256 text not null,
    figures jsonb not null,
    made_as_of date not null,
    made_at timestamptz not null
);
comment on table alerts.report is 'One row per report that was written to disk. One that is made again for the same month takes the place of the files and adds a row.';
comment on column alerts.report.month is 'First day of the month that it is about.';
comment on column alerts.report.locale is 'Language of its texts.';
comment on column alerts.report.html_path is 'The page, relative to the home of the installation; pdf_path likewise.';
comment on column alerts.report.pdf_sha256 is 'Digest of the PDF, in hexadecimal.';
comment on column alerts.report.figures is 'Every figure of it, by section.';
comment on column alerts.report.made_as_of is 'Newest published day when it was made.';
create index on alerts.report (kind, month);

select access.show('alerts.missed_churn', 'customer');
"""


def upgrade() -> None:
    """Create the tables."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(TABLES)
