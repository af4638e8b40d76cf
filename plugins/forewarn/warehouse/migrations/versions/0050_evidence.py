"""Evidence at the desk: the records behind a sign, each record, and a timeline of what is published (decision 0050)."""

from alembic import op

revision = "0050"
down_revision = "0047"

TABLES = """
alter table ops.publication add column build_number bigint;
comment on column ops.publication.build_number is 'Build of the intermediate layer that it was copied from, as in ops.warehouse_build; null for publications from before it was kept.';

create table workbench.trace (feature text primary key, query text not null, days integer);
comment on table workbench.trace is 'One row per feature of marts.churn_features: how the records behind it are found. Written anew by each publication; $1: customers, $2: as_of_date, $3: build that is published.';
comment on column workbench.trace.days is 'How many days before the date count; null where everything does.';

create table workbench.record_kind (entity text primary key, relation text not null, key text not null, shown text[] not null);
comment on table workbench.record_kind is 'One row per canonical entity with one key: where its records stand, and which columns are not personal. Written anew by each publication.';
"""

FUNCTIONS = """
create function workbench.may_see(of_customer text) returns boolean
language sql stable security definer set search_path = pg_catalog
return access.sees_every_customer() or of_customer = any (access.own_customers());
comment on function workbench.may_see is 'Whether the viewer may see a customer.';

create function workbench.signs(of_customer text)
returns table (as_of_date date, name text, version text, level text, evidence jsonb)
language sql stable security definer set search_path = pg_catalog
begin atomic
    select signal.as_of_date, signal.name, signal.version, signal.level, signal.evidence
    from alerts.signal as signal
    where signal.customer_id = of_customer and signal.kind = 'rule' and workbench.may_see(of_customer)
        and signal.as_of_date = (select max(publication.as_of_date) from ops.publication as publication);
end;
comment on function workbench.signs is 'The rules that fired for a customer on the day that is published; none of a customer that the viewer may not see.';

create function workbench.records_behind(of_customer text, of_features text[], of_date date)
returns table (features text[], since date, total bigint, entity text, source text, record_id text, day date)
language plpgsql stable security definer set search_path = pg_catalog
as $$
declare
    shown record;
    found record;
begin
    if not workbench.may_see(of_customer) then
        return;
    end if;
    select publication.as_of_date, publication.build_number into shown
    from ops.publication order by publication.as_of_date desc, publication.published_at desc limit 1;
    for found in
        select trace.query, trace.days, array_agg(trace.feature order by trace.feature) as named
        from workbench.trace where trace.feature = any (of_features) group by trace.query, trace.days
    loop
        return query execute
            'select $4::text[], $2::date - $5::integer, behind.total, behind.entity, behind.source, behind.record_id, behind.day'
            ' from (' || found.query || ') as behind'
            using array[of_customer], least(of_date, shown.as_of_date), coalesce(shown.build_number, 9223372036854775807),
                found.named, found.days;
    end loop;
end
$$;
comment on function workbench.records_behind is 'The newest records that features of a customer rest on at a date, as it was known then; none of a customer that the viewer may not see.';

drop function workbench.timeline(text, integer, text[], text, text);
create function workbench.timeline(
    of_customer text, most integer, of_entities text[] default null, after_day date default null, after_key text default null
)
returns table (
    event_key text, happened_on date, kind text, entity text, source text, record_id text, amount double precision, detail text
)
language plpgsql stable security definer set search_path = pg_catalog
as $$
declare
    shown record;
begin
    if to_regclass('intermediate.int_customer_events') is null or not workbench.may_see(of_customer) then
        return;
    end if;
    select publication.as_of_date, publication.build_number into shown
    from ops.publication order by publication.as_of_date desc, publication.published_at desc limit 1;
    return query
    select events.event_key, events.day, events.kind, events.entity, events.source, events.source_record_id,
        events.amount::double precision, events.detail
    from intermediate.int_customer_events as events
    where events.customer_id = of_customer and events.kind <> 'removed'
        and events.known_day < shown.as_of_date and events._version <= coalesce(shown.build_number, events._version)
        and (of_entities is null or events.entity = any (of_entities))
        and (after_day is null or events.day < after_day or (events.day = after_day and events.event_key > after_key))
    order by events.day desc, events.event_key
    limit most;
end
$$;
comment on function workbench.timeline is 'Published events of a customer that the viewer may see, newest first, those after one of them, or of some entities alone. What a build has written since the publication is not among them.';

create function workbench.record(of_customer text, of_entity text, of_source text, of_record text)
returns table (place bigint, column_name text, said text)
language plpgsql stable security definer set search_path = pg_catalog
as $$
declare
    kind record;
    belongs boolean;
begin
    select record_kind.relation, record_kind.key, record_kind.shown into kind
    from workbench.record_kind where record_kind.entity = of_entity;
    if not found or to_regclass(kind.relation) is null or not workbench.may_see(of_customer) then
        return;
    end if;
    if of_entity = 'product' then
        belongs := true;
    elsif of_entity = 'account' then
        belongs := exists (
            select from intermediate.int_account_identity as identity
            where identity.customer_id = of_customer and identity.source = of_source and identity.account_id = of_record
        );
    else
        belongs := exists (
            select from intermediate.int_customer_events as events
            where events.customer_id = of_customer and events.source = of_source and events.source_record_id = of_record
                and events.entity = any (case of_entity
                    when 'order' then array['order', 'order_cancellation']
                    when 'shipment' then array['shipment_due']
                    when 'ticket' then array['ticket', 'ticket_rating']
                    when 'lead' then array['lead_converted']
                    when 'opportunity' then array['opportunity', 'opportunity_closed']
                    else array[of_entity]
                end)
        );
    end if;
    if not belongs then
        return;
    end if;
    return query execute format(
        'select named.place, named.name, whole.content ->> named.name'
        ' from (select to_jsonb(landed) as content from %s as landed where landed.source = $1 and landed.%I = $2 limit 1) as whole'
        ' cross join unnest($3) with ordinality as named (name, place)'
        ' where whole.content ->> named.name <> '''' order by named.place',
        to_regclass(kind.relation), kind.key
    ) using of_source, of_record, kind.shown;
end
$$;
comment on function workbench.record is 'A record as its source has it now, without what is personal: one of a customer that the viewer may see, or an article; none of any other.';

create function workbench.suggested_on() returns date
language sql stable security definer set search_path = pg_catalog
return (select max(suggestion.as_of_date) from ml.suggestion as suggestion);
comment on function workbench.suggested_on is 'Day of the newest run that looked for suggestions, whomever it found some for.';

revoke execute on function workbench.may_see(text), workbench.signs(text), workbench.records_behind(text, text[], date),
    workbench.timeline(text, integer, text[], date, text), workbench.record(text, text, text, text),
    workbench.suggested_on() from public;
grant execute on function workbench.signs(text), workbench.records_behind(text, text[], date),
    workbench.timeline(text, integer, text[], date, text), workbench.record(text, text, text, text),
    workbench.suggested_on() to desk;
"""


def upgrade() -> None:
    """Create the tables and functions; the tables are filled by the next publication."""
    for statements in (TABLES, FUNCTIONS):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
