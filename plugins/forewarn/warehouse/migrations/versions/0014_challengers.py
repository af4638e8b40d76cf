"""Models in the shadow, the arms of an A/B split, and why each model was taken or not (decision 0024)."""

from alembic import op

revision = "0014"
down_revision = "0013"

TABLES = """
create table ml.shadow_score (
    customer_id text not null,
    as_of_date date not null,
    definition text not null check (definition in ('non_contractual', 'contractual')),
    model_name text not null,
    model_version text not null,
    role text not null check (role in ('challenger', 'horizons')),
    probability double precision not null check (probability between 0 and 1),
    threshold double precision not null,
    outlook jsonb,
    scored_at timestamptz not null,
    primary key (as_of_date, customer_id, definition, model_version)
);
comment on table ml.shadow_score is 'One row per customer, as_of_date, churn definition and version of a model that is not champion: what it would have said. No alert comes from it. outlook, of a hazard model: probability of churn within 30, 60, 90 and 180 days, and expected_days to the end of the contract or the next purchase.';

create table ml.decision (
    decision_id bigint generated always as identity primary key,
    as_of_date date not null,
    run_id text not null,
    definition text not null,
    model_name text not null,
    model_version text,
    candidate text,
    outcome text not null check (outcome in ('champion', 'challenger', 'refused', 'promoted', 'kept')),
    reason text not null,
    decided_at timestamptz not null
);
comment on table ml.decision is 'One row per decision about a model: it became champion or challenger, was refused, was promoted over the champion, or the champion was kept; and why.';

alter table ml.score add column arm text not null default 'a' check (arm in ('a', 'b'));
comment on column ml.score.arm is 'a: judged by the champion; b: given to the challenger by model.challenged_share. rank_of_day counts within the arm.';

grant select, insert, delete on ml.shadow_score to scorer;
grant select, insert on ml.decision to scorer;
"""


def upgrade() -> None:
    """Create the tables, and give the scorer what it needs."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(TABLES)
