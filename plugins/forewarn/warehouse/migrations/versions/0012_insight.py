"""What churn hangs on, what the model is watched by, and which configuration a score was made with."""

from alembic import op

revision = "0012"
down_revision = "0010"

CHANGES = """
comment on table ml.score is 'One row per customer, as_of_date and churn definition: the champion''s probability of churn within its horizon. reasons: [{family, feature, text, value, baseline, contribution}], strongest first.';

create table ml.configuration (
    configuration text primary key,
    parts jsonb not null,
    first_used_at timestamptz not null
);
comment on table ml.configuration is 'One row per configuration that scored: a digest of each part that features or the model depend on. Which parts differ between two scores says what was changed.';
alter table ml.score add column configuration text references ml.configuration;
comment on column ml.score.configuration is 'The configuration that the score was made with; null for scores from before it was kept.';

create table ml.driver (
    as_of_date date not null,
    definition text not null check (definition in ('non_contractual', 'contractual')),
    family text not null,
    auc_loss double precision not null,
    auc_loss_low double precision not null,
    auc_loss_high double precision not null,
    weight_share double precision not null,
    weight_share_low double precision not null,
    weight_share_high double precision not null,
    cutoffs integer not null,
    customers integer not null,
    model_name text not null,
    model_version text not null,
    mlflow_run text not null,
    computed_at timestamptz not null,
    primary key (as_of_date, definition, family)
);
comment on table ml.driver is 'One row per as_of_date, churn definition and family of features: what the company''s churn hangs on, out of time. low and high bound 95% of the resamples of customers.';
comment on column ml.driver.auc_loss is 'How much worse the model ranks when the family''s values are shuffled between customers, in AUC.';
comment on column ml.driver.weight_share is 'Share of the family in what moves scores: its mean absolute contribution over that of all families.';

create table ml.reference (
    model_name text not null,
    model_version text not null,
    feature text not null,
    edges double precision[] not null,
    shares double precision[] not null,
    known_share double precision not null,
    weight double precision not null,
    usual_psi double precision not null,
    primary key (model_name, model_version, feature)
);
comment on table ml.reference is 'One row per model version and feature, and one for its probability: how the values lay over the dates that it learned from. shares are those of unknown and of each bin between the edges; weight is its share in what moves scores, usual_psi how far a date of the training lay from the others at most.';

create table ml.watch (
    as_of_date date not null,
    definition text not null check (definition in ('non_contractual', 'contractual')),
    kind text not null check (kind in ('gap', 'drift', 'scores', 'calibration', 'lift')),
    subject text not null,
    value double precision not null,
    bound double precision not null,
    verdict text not null check (verdict in ('fine', 'warn', 'hold')),
    said text not null,
    model_name text not null,
    model_version text not null,
    watched_at timestamptz not null,
    primary key (as_of_date, definition, kind, subject)
);
comment on table ml.watch is 'One row per as_of_date, churn definition and thing that the model is watched by. hold: the scores of the date were not used, rules went on alone, and operations were told.';

alter table ops.trouble drop constraint trouble_kind_check;
alter table ops.trouble add constraint trouble_kind_check check (kind in ('blocked', 'late', 'held'));
comment on table ops.trouble is 'One row per trouble of a stream or of a model, told to operations once when it is noticed and once when it is over. Troubles that go on have no over_at. held: the model''s scores are not used; source is then model, and stream its name.';

select access.show('ml.driver', 'company');
select access.show('ml.watch', 'company');

grant select, insert, delete on ml.configuration, ml.driver, ml.reference, ml.watch to scorer;
create policy scorer on ml.driver to scorer using (true) with check (true);
create policy scorer on ml.watch to scorer using (true) with check (true);
grant select on ops.late_stream, ops.publication to scorer;
create policy scorer on ops.publication for select to scorer using (true);
"""


def upgrade() -> None:
    """Create the tables, and let operations hear of a model."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
