"""Segments of customers who behave alike, and what else each would buy."""

from alembic import op

revision = "0013"
down_revision = "0012"

CHANGES = """
create table ml.segment_profile (
    as_of_date date not null,
    segment text not null,
    title text not null,
    customers integer not null,
    centre jsonb not null,
    mlflow_run text not null,
    computed_at timestamptz not null,
    primary key (as_of_date, segment)
);
comment on table ml.segment_profile is 'One row per as_of_date and segment of customers who behave alike. A segment keeps its name from run to run while it stays the nearest to where it was. centre: feature → typical value.';

create table ml.segment (
    customer_id text not null,
    as_of_date date not null,
    segment text not null,
    distance double precision not null,
    primary key (as_of_date, customer_id),
    foreign key (as_of_date, segment) references ml.segment_profile on delete cascade
);
comment on table ml.segment is 'One row per customer and as_of_date: the segment that it behaves most like. distance: from the segment''s centre, in spreads of the base.';

create table ml.suggestion (
    customer_id text not null,
    as_of_date date not null,
    place integer not null,
    product_source text not null,
    product_id text not null,
    product text not null,
    because jsonb not null,
    confidence double precision not null,
    lift double precision not null,
    buyers integer not null,
    computed_at timestamptz not null,
    primary key (as_of_date, customer_id, place)
);
comment on table ml.suggestion is 'One row per customer, as_of_date and place from 1 to 3: an article that the customer has not bought in a year and that buyers of what they buy do. because: the articles that they bought, with the record of an order of each.';
comment on column ml.suggestion.confidence is 'Share of the customers with the articles in because who bought this one, too.';
comment on column ml.suggestion.lift is 'That share over the share of all customers who bought it.';
comment on column ml.suggestion.buyers is 'How many customers bought all of these articles.';

select access.show('ml.segment_profile', 'company');
select access.show('ml.segment', 'customer');
select access.show('ml.suggestion', 'customer');

grant select, insert, delete on ml.segment_profile, ml.segment to scorer;
create policy scorer on ml.segment_profile to scorer using (true) with check (true);
create policy scorer on ml.segment to scorer using (true) with check (true);
"""


def upgrade() -> None:
    """Create the tables."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
