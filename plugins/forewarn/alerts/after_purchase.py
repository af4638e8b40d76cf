"""Reminders some days after a purchase: tasks without a case, once an order, and none for what was sent back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from psycopg2 import extensions, sql

from forewarn.alerts.admission import in_control, within_pilot
from forewarn.alerts.case_words import Books
from forewarn.alerts.channel import WITHOUT_CONTACTS
from forewarn.alerts.contact_cap import contacted, too_soon
from forewarn.alerts.content import ActionContent, Said
from forewarn.alerts.customer_facts import Facts, read_facts
from forewarn.alerts.due_day import due_day
from forewarn.alerts.language import Language
from forewarn.alerts.metrics import declared
from forewarn.alerts.outbox import REMINDER, Letter, message_key
from forewarn.alerts.playbooks import AfterPurchase, order_columns, worded
from forewarn.alerts.recipients import Matter
from forewarn.alerts.rule_query import condition
from forewarn.alerts.tasks import FOREWARN, Wanted, Written, drop, write_reminders
from forewarn.expressions import parse

# A run that was missed is made up for so much later, from the first live day on.
CATCH_UP = timedelta(days=7)

# A purchase that is known on the day and stands: not cancelled, and nothing of it came back.
_ORDERS = """
select m.order_key, m.customer_id, m.day, max(m.amount), array_agg(distinct due) filter (where due is not null)
from (
    select o.order_key, o.customer_id, o.day, o.known_day, o.amount::float8 as amount, a.category, {attributes},
        (
            select count(*) from intermediate.int_orders as e
            where e.customer_id = o.customer_id and e.is_purchase and coalesce(e.cancelled_day >= %(day)s, true)
                and (e.ordered_at, e.order_key) <= (o.ordered_at, o.order_key)
        ) as order_number
    from intermediate.int_orders as o
    join intermediate.int_purchase_articles as a on a.order_key = o.order_key
    left join marts.dim_customers as d on d.customer_id = o.customer_id
    where o.known_day < %(day)s and coalesce(o.cancelled_day >= %(day)s, true)
        and coalesce(a.returned_day >= %(day)s, true) and ({windows})
) as m
cross join unnest(array[{cases}]) as due
group by m.order_key, m.customer_id, m.day
having count(due) > 0
order by m.order_key
"""
# An order that was recorded late is reminded of on the first day that knows it.
_WINDOW = sql.SQL("greatest({table}.day + {days}, {table}.known_day + 1) between %(since)s and %(day)s")


@dataclass(frozen=True)
class Care:
    """What orders ask for on a day: new tasks, whom they are about, and their letters."""

    written: list[Written] = field(default_factory=list)
    facts: Mapping[str, Facts] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """A purchase of which reminders are due, by their ids; `amount` is None where it is unknown."""

    key: str
    customer_id: str
    day: date
    amount: float | None
    reminders: list[str]


def remind(cursor: extensions.cursor, books: Books, *, now: datetime) -> Care:
    """Write the tasks of reminders that are due, in the transaction of the day's cases; each order has each once.

    Who is of the control group, outside the pilot, or was contacted not long ago has a task that is dropped at once,
    with the reason: it is not asked for again.
    """
    reminders = {reminder.id: reminder for reminder in books.playbooks.after_purchase}
    cursor.execute("select to_regclass('intermediate.int_purchase_articles') is not null")
    if not reminders or not (cursor.fetchone() or [False])[0]:
        return Care()
    day = books.as_of_date
    orders = _orders(cursor, list(reminders.values()), day, _since(cursor, day))
    customers = sorted({order.customer_id for order in orders})
    facts = read_facts(cursor, customers, as_of_date=day, definition=books.project.churn.definition)
    wanted = [_wanted(books, order, reminders[name], facts) for order in orders for name in order.reminders]
    written = write_reminders(cursor, wanted, as_of_date=day, now=now)
    withheld = _withheld(cursor, books, written)
    drop(cursor, list(withheld.items()), by=FOREWARN, now=now)
    told = [one for one in written if one.task_id not in withheld]
    by_key = {order.key: order for order in orders}
    letters = [
        letter
        for one in told
        for letter in _letters(
            books, one, by_key[one.wanted.order_key or ""], reminders[one.wanted.step], facts[one.wanted.customer_id]
        )
    ]
    return Care(told, facts, letters)


def _since(cursor: extensions.cursor, day: date) -> date:
    """Return the first day whose reminders may still be asked for: none before the first that was live."""
    cursor.execute("select min(as_of_date) from ops.publication where live")
    first = (cursor.fetchone() or [None])[0] or day
    return max(first, day - CATCH_UP)


def _orders(cursor: extensions.cursor, reminders: Sequence[AfterPurchase], day: date, since: date) -> list[Order]:
    def window(table: str, reminder: AfterPurchase) -> sql.Composed:
        return _WINDOW.format(table=sql.Identifier(table), days=sql.Literal(reminder.days))

    cursor.execute(
        sql.SQL(_ORDERS).format(
            attributes=sql.SQL(", ").join(sql.Identifier("d", name) for name in declared().attributes),
            windows=sql.SQL(" or ").join(window("o", reminder) for reminder in reminders),
            cases=sql.SQL(", ").join(
                sql.SQL("case when {} and ({}) then {} end").format(
                    window("m", reminder),
                    condition(parse(reminder.when, order_columns()), "m"),
                    sql.Literal(reminder.id),
                )
                for reminder in reminders
            ),
        ),
        {"day": day, "since": since},
    )
    return [Order(*row) for row in cursor.fetchall()]


def _wanted(books: Books, order: Order, reminder: AfterPurchase, facts: Mapping[str, Facts]) -> Wanted:
    about = facts[order.customer_id]
    reader = books.directory.readers(Matter(reminder.who, "low"), about.owner)[0]
    due = max(due_day(order.day, reminder.days), due_day(books.as_of_date, 0))
    return Wanted(
        customer_id=order.customer_id,
        role=reminder.who,
        step=reminder.id,
        step_version=reminder.version,
        text=_text(reminder, about, order, due, Language(reader.locale)),
        owner=reader,
        due_on=due,
        why=f"{reminder.days} days after order {order.key} of {order.day}",
        contact_every_days=reminder.contact_every_days,
        order_key=order.key,
        actions=tuple(reminder.actions),
    )


def _text(reminder: AfterPurchase, about: Facts, order: Order, due: date, language: Language) -> str:
    return worded(
        [reminder.step, reminder.offer],
        customer=about.name,
        contact=about.contact_name,
        due=due,
        language=language,
        ordered=order.day,
    )


def _withheld(cursor: extensions.cursor, books: Books, written: Sequence[Written]) -> dict[int, str]:
    """Return by task why nobody is reminded: outside the pilot, of the control group, or contacted not long ago."""
    customers, day = sorted({one.wanted.customer_id for one in written}), books.as_of_date
    inside, share = within_pilot(cursor, books.project, customers, day), books.project.alerts.control_share
    last = contacted(cursor, customers, as_of_date=day)
    found = {}
    for one in written:
        customer = one.wanted.customer_id
        if in_control(customer, share):
            found[one.task_id] = "of the control group: nobody is told"
        elif customer not in inside:
            found[one.task_id] = "outside the pilot"
        elif why := too_soon(last.get(customer), one.wanted.contact_every_days, as_of_date=day):
            found[one.task_id] = why
    return found


def _letters(books: Books, one: Written, order: Order, reminder: AfterPurchase, about: Facts) -> Iterator[Letter]:
    """Return the messages of a reminder, one for each channel."""
    wanted = one.wanted
    language = Language(wanted.owner.locale)
    bought = [Said(title=order.key, text=language.text("reminder", "order", **_bought(books, order, language)))]
    for channel in wanted.owner.channels or books.project.alerts.channels:
        key = f"task:{one.task_id}:{channel}:{wanted.owner.address.lower()}"
        named = replace(about, contact_name=None) if channel in WITHOUT_CONTACTS else about
        content = ActionContent(
            as_of_date=books.as_of_date,
            company=books.project.company,
            **wanted.owner.told,
            key=message_key(key, one.created_at),
            action=REMINDER,
            external_id=message_key(key, one.created_at),
            task_id=one.task_id,
            customer_id=wanted.customer_id,
            customer=about.name,
            role=wanted.role,
            step=wanted.step,
            text=_text(reminder, named, order, wanted.due_on, language),
            due_on=wanted.due_on,
            owner_name=about.owner_name,
            currency=books.project.currency,
            reasons=bought,
            order_key=order.key,
        )
        yield Letter(key, channel, wanted.owner.address, content, kind=REMINDER, time_zone=wanted.owner.time_zone)


def _bought(books: Books, order: Order, language: Language) -> dict[str, str]:
    amount = "" if order.amount is None else language.money(order.amount, books.project.currency)
    return {"date": language.near_date(order.day, books.as_of_date), "amount": amount}
