"""The CRM, the ERP and the warehouse management system: databases with tables, numbers and habits of their own."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812

from forewarn.warehouse.engine import connect

MOMENT = "timestamptz not null"


@dataclass(frozen=True)
class Table:
    """One table of a source system: `system.table` as the generator names it, where it is, its columns and key."""

    name: str
    schema: str
    key: tuple[str, ...]
    columns: dict[str, str]

    @property
    def database(self) -> str:
        """Name of the database."""
        return self.name.split(".")[0]

    @property
    def identifier(self) -> sql.Identifier:
        """Quoted schema and table."""
        return sql.Identifier(self.schema, self.name.split(".")[1])


TABLES = (
    Table(
        "crm.employees",
        "public",
        ("employee_no",),
        {
            "employee_no": "text",
            "full_name": "text",
            "email": "text",
            "team": "text",
            "region": "text",
            "language": "text",
            "time_zone": "text",
            "lead_no": "text",
            "active": "boolean",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "crm.accounts",
        "public",
        ("account_no",),
        {
            "account_no": "text",
            "company_name": "text",
            "erp_customer_no": "text",
            "vat_id": "text",
            "domain": "text",
            "email": "text",
            "phone": "text",
            "segment": "text",
            "industry": "text",
            "region": "text",
            "country": "text",
            "city": "text",
            "street": "text",
            "postcode": "text",
            "owner_no": "text",
            "created_at": MOMENT,
            "updated_at": MOMENT,
        },
    ),
    Table(
        "crm.contacts",
        "public",
        ("contact_no",),
        {
            "contact_no": "text",
            "account_no": "text",
            "full_name": "text",
            "email": "text",
            "phone": "text",
            "role": "text",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "crm.interactions",
        "public",
        ("interaction_no",),
        {
            "interaction_no": "text",
            "account_no": "text",
            "employee_no": "text",
            "kind": "text",
            "topic": "text",
            "happened_at": MOMENT,
            "updated_at": MOMENT,
        },
    ),
    Table(
        "crm.account_owners",
        "public",
        ("assignment_no",),
        {
            "assignment_no": "text",
            "account_no": "text",
            "employee_no": "text",
            "from_at": MOMENT,
            "until_at": "timestamptz",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "crm.opportunities",
        "public",
        ("deal_no",),
        {
            "deal_no": "text",
            "account_no": "text",
            "kind": "text",
            "stage": "text",
            "amount": "numeric(14,2)",
            "opened_at": MOMENT,
            "closed_at": "timestamptz",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "crm.leads",
        "public",
        ("lead_no",),
        {
            "lead_no": "text",
            "email": "text",
            "channel": "text",
            "campaign": "text",
            "account_no": "text",
            "created_at": MOMENT,
            "converted_at": "timestamptz",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "erp.products",
        "sales",
        ("article_no",),
        {"article_no": "text", "title": "text", "category": "text", "list_price": "numeric", "updated_at": MOMENT},
    ),
    Table(
        "erp.customers",
        "sales",
        ("customer_no",),
        {
            "customer_no": "text",
            "name": "text",
            "vat_id": "text",
            "country": "text",
            "city": "text",
            "street": "text",
            "postcode": "text",
            "phone": "text",
            "payment_terms_days": "integer",
            "created_at": MOMENT,
            "updated_at": MOMENT,
        },
    ),
    Table(
        "erp.orders",
        "sales",
        ("order_no",),
        {
            "order_no": "text",
            "customer_no": "text",
            "placed_at": MOMENT,
            "status": "text",
            "net_amount": "numeric(14,2)",
            "discount_amount": "numeric(14,2)",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "erp.order_lines",
        "sales",
        ("order_no", "line_no"),
        {
            "order_no": "text",
            "line_no": "integer",
            "article_no": "text",
            "quantity": "integer",
            "net_amount": "numeric(14,2)",
            "discount_amount": "numeric(14,2)",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "erp.returns",
        "sales",
        ("return_no",),
        {
            "return_no": "text",
            "order_no": "text",
            "customer_no": "text",
            "article_no": "text",
            "returned_at": MOMENT,
            "amount": "numeric(14,2)",
            "reason": "text",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "wms.shipments",
        "public",
        ("shipment_no",),
        {
            "shipment_no": "text",
            "order_no": "text",
            "customer_no": "text",
            "carrier": "text",
            "shipped_at": MOMENT,
            "promised_on": "date",
            "delivered_at": "timestamptz",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "wms.backorders",
        "public",
        ("backorder_no",),
        {
            "backorder_no": "text",
            "order_no": "text",
            "customer_no": "text",
            "article_no": "text",
            "quantity": "integer",
            "opened_at": MOMENT,
            "filled_at": "timestamptz",
            "updated_at": MOMENT,
        },
    ),
    Table(
        "wms.inventory_snapshots",
        "public",
        ("article_no", "site", "counted_at"),
        {
            "article_no": "text",
            "site": "text",
            "counted_at": MOMENT,
            "on_hand": "integer",
            "reorder_point": "integer",
            "updated_at": MOMENT,
        },
    ),
)


class Database:
    """One of the databases; every method is a transaction of its own."""

    def __init__(self, name: str, url: str) -> None:
        self.tables = [table for table in TABLES if table.database == name]
        self.url = url

    def create(self) -> None:
        """Create the tables anew and empty; their keys follow once they are filled."""
        with connect(self.url, application="meridian") as connection, connection.cursor() as cursor:
            for table in self.tables:
                cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(table.schema)))
                cursor.execute(sql.SQL("drop table if exists {}").format(table.identifier))
                columns = sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in table.columns.items()
                )
                cursor.execute(sql.SQL("create table {} ({})").format(table.identifier, columns))
            connection.commit()

    def load(self, rows: dict[str, pa.Table]) -> None:
        """Append rows to tables that have no keys yet."""
        with connect(self.url, application="meridian") as connection:
            for table in self.tables:
                if table.name in rows:
                    _copy(connection, table.identifier, table, rows[table.name])
            connection.commit()

    def finish(self) -> None:
        """Add the primary keys, and indexes for those who ask what has changed."""
        with connect(self.url, application="meridian") as connection:
            with connection.cursor() as cursor:
                for table in self.tables:
                    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
                    cursor.execute(sql.SQL("alter table {} add primary key ({})").format(table.identifier, key))
                    cursor.execute(sql.SQL("create index on {} (updated_at)").format(table.identifier))
            connection.commit()
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("analyze")

    def change(self, rows: dict[str, pa.Table]) -> None:
        """Write one day: new rows, and new versions in place of old ones. Writing it again changes nothing."""
        staged = sql.Identifier("day")
        with connect(self.url, application="meridian") as connection, connection.cursor() as cursor:
            for table in self.tables:
                if table.name not in rows:
                    continue
                cursor.execute(sql.SQL("create temporary table day (like {})").format(table.identifier))
                _copy(connection, staged, table, rows[table.name])
                new = [name for name in table.columns if name not in table.key]
                cursor.execute(
                    sql.SQL("insert into {} select * from day on conflict ({}) do update set {}").format(
                        table.identifier,
                        sql.SQL(", ").join(map(sql.Identifier, table.key)),
                        sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in new),
                    )
                )
                cursor.execute("drop table day")
            connection.commit()


def _copy(connection: Connection, target: sql.Identifier, table: Table, rows: pa.Table) -> None:
    buffer = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False)
    pyarrow.csv.write_csv(rows.select(list(table.columns)), buffer, options)
    buffer.seek(0)
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        target, sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    with connection.cursor() as cursor:
        cursor.copy_expert(statement.as_string(connection), buffer)
