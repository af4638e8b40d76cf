"""What the scorer may count: events about a date, to see whether features know the future, and who was contacted."""

from alembic import op

revision = "0018"
down_revision = "0017"

CHANGES = """
create function ml.events_around(as_of_date date, days integer, share integer)
returns table (customer_id text, kind text, age integer, known boolean, events bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- The spine is dbt's: it is not there before the first build.
    if to_regclass('intermediate.int_customer_events') is null then
        return;
    end if;
    return query execute
        'select customer_id::text, kind::text, $1 - day, day < $1 and known_day < $1, count(*)'
        ' from intermediate.int_customer_events'
        ' where day >= $1 - $2 and day < $1 + $2'
        ' and mod(hashtextextended(customer_id, 0) & 9223372036854775807, 10000) < $3'
        ' group by 1, 2, 3, 4'
        using as_of_date, days, share;
end
$$;
comment on function ml.events_around is 'How many events of which kind some customers had on each day about a date, and whether they were known before it: what training holds features against. share: of 10,000, by a hash of the customer. With its owner''s rights, since the spine also tells amounts.';
revoke all on function ml.events_around from public;
grant execute on function ml.events_around to scorer;

create function ml.contacted(first date, last date)
returns table (customer_id text, sent_on date)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select distinct opened.customer_id, (sent.sent_at at time zone 'UTC')::date
    from alerts.outbox as sent
    inner join alerts."case" as opened on opened.case_id = sent.case_id
    where sent.kind = 'case' and sent.state = 'sent' and (sent.sent_at at time zone 'UTC')::date between first and last
$$;
comment on function ml.contacted is 'Customers and days on which a message about their case was sent: whoever was contacted is no evidence of what a score foretold. With its owner''s rights, since messages also tell who and why.';
revoke all on function ml.contacted from public;
grant execute on function ml.contacted to scorer;
"""


def upgrade() -> None:
    """Create the functions."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
