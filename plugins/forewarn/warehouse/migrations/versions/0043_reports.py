"""Company figures out of the ordinary and reports of any period (decision 0049); accounts changed by an admin (0040)."""

from alembic import op

revision = "0043"
down_revision = "0041"

CHANGES = """
create table alerts.anomaly (
    anomaly_id bigint generated always as identity primary key,
    figure text not null,
    grain text not null check (grain in ('day', 'week', 'month')),
    since date not null,
    period date not null check (period >= since),
    seen double precision not null,
    expected double precision not null,
    usual_from double precision not null,
    usual_to double precision not null,
    segments jsonb not null check (jsonb_typeof(segments) = 'array'),
    noticed_as_of date not null,
    noticed_at timestamptz not null,
    over_as_of date,
    check (seen not between usual_from and usual_to)
);
create unique index anomaly_goes_on on alerts.anomaly (figure, grain) where over_as_of is null;
comment on table alerts.anomaly is 'One row per time that a figure of the company left the range of its own past: days beside the same weekday of the quarter before, weeks and months beside those before. The range is the median plus or minus 4 deviations, as in ops.batch_volume. One that goes on has no over_as_of.';
comment on column alerts.anomaly.figure is 'What is counted, such as orders.';
comment on column alerts.anomaly.grain is 'By which periods it was judged.';
comment on column alerts.anomaly.since is 'First day of the first period outside.';
comment on column alerts.anomaly.period is 'First day of the newest one; seen, expected and usual are of it.';
comment on column alerts.anomaly.seen is 'The figure; a share between 0 and 1, money in the company''s currency.';
comment on column alerts.anomaly.expected is 'Median of comparable periods.';
comment on column alerts.anomaly.usual_from is 'What is usual begins here; usual_to: and ends here.';
comment on column alerts.anomaly.segments is 'Members of segment, industry, region, channel or campaign that move it most, each with what was seen and expected of it.';
comment on column alerts.anomaly.noticed_as_of is 'Published day that noticed it.';
comment on column alerts.anomaly.over_as_of is 'Published day on which it was usual again: of days once a week had passed.';

alter table alerts.report drop constraint report_kind_check, drop constraint report_month_check;
alter table alerts.report rename column month to since;
alter table alerts.report
    add column every text not null default 'month' check (every in ('day', 'week', 'month')),
    add constraint report_kind_check check (kind in ('monthly', 'sales', 'service', 'finance', 'data', 'anomalies')),
    add constraint report_since_check check (every <> 'month' or since = date_trunc('month', since));
comment on column alerts.report.kind is 'monthly: what alerts were worth; any other: a report of reports.yml.';
comment on column alerts.report.since is 'First day that it is about.';
comment on column alerts.report.every is 'How long it is about: a day, a week or a month.';
"""

# An admin changes accounts, and not the own one: so there is always an admin left, and nobody raises themselves.
ACCOUNTS = """
create function workbench.viewer_is_admin() returns boolean
language sql stable security definer set search_path = pg_catalog
return exists (select from workbench.viewer() as viewer where viewer.role = 'admin');
comment on function workbench.viewer_is_admin is 'Whether the setting forewarn.session names the session of an admin that holds.';
create function workbench.viewer_is(account bigint) returns boolean
language sql stable security definer set search_path = pg_catalog
return exists (select from workbench.viewer() as viewer where viewer.account_id = account);
revoke execute on function workbench.viewer_is_admin(), workbench.viewer_is(bigint) from public;
grant execute on function workbench.viewer_is_admin(), workbench.viewer_is(bigint) to desk;

alter table workbench.account_event drop constraint account_event_kind_check;
alter table workbench.account_event
    add constraint account_event_kind_check check (kind in ('added', 'password', 'disabled', 'enabled', 'role'));

alter table workbench.account enable row level security;
alter table workbench.account_owner enable row level security;
alter table workbench.account_event enable row level security;
alter table workbench.session enable row level security;
create policy web on workbench.account for select to web using (true);
create policy web on workbench.session for all to web using (true) with check (true);

grant select (account_id, email, disabled_at), insert (email, name, role, locale, password_hash, created_at),
    update (role, password_hash, disabled_at) on workbench.account to desk;
create policy admin_reads on workbench.account for select to desk using ((select workbench.viewer_is_admin()));
create policy admin_adds on workbench.account for insert to desk with check ((select workbench.viewer_is_admin()));
create policy admin_changes on workbench.account for update to desk
    using ((select workbench.viewer_is_admin()) and not workbench.viewer_is(account_id));
grant select, insert, delete on workbench.account_owner to desk;
create policy admin on workbench.account_owner for all to desk
    using ((select workbench.viewer_is_admin()) and not workbench.viewer_is(account_id))
    with check ((select workbench.viewer_is_admin()) and not workbench.viewer_is(account_id));
grant insert on workbench.account_event to desk;
create policy admin on workbench.account_event for insert to desk with check (
    exists (select from workbench.viewer() as viewer where viewer.role = 'admin' and viewer.email = by)
);
grant select (account_id, ended_at), update (ended_at) on workbench.session to desk;
create policy admin_reads on workbench.session for select to desk using ((select workbench.viewer_is_admin()));
create policy admin_ends on workbench.session for update to desk
    using ((select workbench.viewer_is_admin()) and not workbench.viewer_is(account_id));

-- Whose customers an account may see is said by the e-mail or name of an account manager.
create function workbench.managers() returns table (owner_key text, email text, name text)
language plpgsql stable security definer set search_path = pg_catalog
as $$
begin
    if (current_setting('role') <> 'desk' or workbench.viewer_is_admin()) and to_regclass('staging.stg_owners') is not null then
        return query
        select owners.source || '|' || owners.owner_id, owners.email, owners.name from staging.stg_owners as owners
        order by owners.name, 1;
    end if;
end
$$;
comment on function workbench.managers is 'Every account manager with the key that account_owner names; for an admin, and for the owner of the warehouse.';
revoke execute on function workbench.managers() from public;
grant execute on function workbench.managers() to desk;

alter table alerts.report enable row level security;
grant select (kind, since, locale, figures, made_as_of) on alerts.report to desk;
create policy desk_reads on alerts.report for select to desk using ((select access.sees_every_customer()));
"""


def upgrade() -> None:
    """Create the table of anomalies, let reports be of other periods, and let admins change accounts."""
    for statements in (CHANGES, ACCOUNTS):
        op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
