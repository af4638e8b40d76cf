"""The end of a demo: whom to call first and why, and where everything lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import unquote

from rich.console import Console
from rich.table import Table

from forewarn.cli.installation import typed
from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect

TOP = 10
LEVELS = {"high": "red", "medium": "yellow", "low": "green"}


@dataclass(frozen=True)
class Alert:
    """One open case as the list shows it."""

    customer: str
    level: str
    probability: float | None
    value_at_stake: float
    reasons: list[str]
    manager: str


def top_alerts(settings: Settings, as_of_date: date, limit: int = TOP) -> list[Alert]:
    """Return the open cases of a day, the highest level and the largest expected loss first."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select
                coalesce(
                    customer.name,
                    (
                        select min(known.source || ' ' || known.account_id)
                        from marts.customer_crosswalk as known where known.customer_id = one.customer_id
                    ),
                    one.customer_id
                ), one.level, one.probability, one.value_at_stake, one.reasons,
                coalesce(one.owner_name, one.owner_email, 'nobody yet')
            from alerts."case" as one
            left join marts.dim_customers as customer using (customer_id)
            where one.state <> 'closed' and one.updated_as_of = %s
            order by array_position(array['high', 'medium', 'low'], one.level), one.expected_loss desc, one.case_id
            limit %s
            """,
            [as_of_date, limit],
        )
        return [
            Alert(name, level, probability, float(value), [_text(reason) for reason in reasons], manager)
            for name, level, probability, value, reasons, manager in cursor.fetchall()
        ]


def show(console: Console, settings: Settings, as_of_date: date, *, again: bool) -> None:
    """Print the list and the places."""
    alerts = top_alerts(settings, as_of_date)
    currency = load_project(settings.config).currency
    table = Table(title=f"Call these first: top {len(alerts)} alerts as of {as_of_date}", title_justify="left")
    for heading in ("customer", "level"):
        table.add_column(heading, no_wrap=heading == "level")
    table.add_column("risk", justify="right")
    table.add_column(f"at stake, {currency} a year", justify="right", max_width=12)
    table.add_column("why", ratio=1)
    table.add_column("account manager")
    for alert in alerts:
        risk = f"{alert.probability:.0%}" if alert.probability is not None else "–"
        level = f"[{LEVELS[alert.level]}]{alert.level}[/]"
        why = "\n".join(f"· {reason}" for reason in alert.reasons)
        table.add_row(alert.customer, level, risk, f"{alert.value_at_stake:,.0f}", why, alert.manager)
    console.print()
    console.print(table if alerts else f"No customer needs a call as of {as_of_date}.")
    console.print()
    for trouble in _troubles(settings):
        console.print(f"[yellow]![/] {trouble}\n", soft_wrap=True)
    for name, where in _places(settings).items():
        console.print(f"  {name:<12} {where}", soft_wrap=True)
    next_day = "`make demo` again for the next simulated day, " if again else ""
    rest = "`make up` for Airflow and MLflow in the browser, `make down` to end it all."
    console.print(typed(f"\nNext: {next_day}{rest}"), soft_wrap=True)


def _troubles(settings: Settings) -> list[str]:
    """Return a line for each reason why streams did not land, with the streams and what to do."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select string_agg(source || '.' || stream, ', ' order by batch_id), reason, next_step"
            " from ops.source_trouble group by reason, next_step order by min(batch_id)"
        )
        return [typed(f"Without {streams}: {reason}. Next: {advice}") for streams, reason, advice in cursor.fetchall()]


def _text(reason: dict[str, Any]) -> str:
    texts = reason.get("texts") or {}
    chosen: dict[str, str] = texts.get("en") or next(iter(texts.values()), {})
    return str(reason.get("text") or chosen.get("text") or reason.get("family", ""))


def _places(settings: Settings) -> dict[str, str]:
    places = {
        "Messages": str(settings.outbox / "index.html"),
        "Data docs": str(settings.data_docs / "index.html"),
    }
    if run := _champion_run(settings):
        places["MLflow run"] = run
    return places


def _champion_run(settings: Settings) -> str:
    """Return name, version and folder of the champion's run; empty where rules are alone."""
    from mlflow.exceptions import MlflowException

    from churn_model.registry import CHAMPION, model_name, open_store

    client, name = open_store(settings), model_name(load_project(settings.config).churn)
    try:
        version = client.get_model_version_by_alias(name, CHAMPION)
        run = client.get_run(str(version.run_id))
    except MlflowException:
        return ""
    where = unquote(str(run.info.artifact_uri)).removeprefix("file://")
    return f"{where} (run {run.info.run_id}, {name} version {version.version})"
