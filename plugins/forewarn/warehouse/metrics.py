"""Ask the semantic layer: metrics of `dbt_project/models/marts/kpi/semantic.yml`, by time, segment, region.

MetricFlow writes the SQL; it runs here like any other query. Its own command line, `mf`, looks for a newer release on
the network at each start and cannot be told not to: nothing here imports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from metricflow.engine.metricflow_engine import MetricFlowEngine

MANIFEST = "dbt/target/semantic_manifest.json"


@dataclass(frozen=True)
class Answer:
    """Columns and rows of a metric query, and the SQL that gave them."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    sql: str


class _Postgres:
    """What MetricFlow must know of the engine to write SQL for it; it never runs any here."""

    def __init__(self) -> None:
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.postgres import PostgresSQLSqlPlanRenderer

        self.sql_engine_type = SqlEngine.POSTGRES
        self.sql_plan_renderer = PostgresSQLSqlPlanRenderer()


def metric_names(settings: Settings) -> dict[str, str]:
    """Return every metric with its description, by name."""
    return {metric.name: metric.description or "" for metric in _manifest(settings).metrics}


def ask(
    settings: Settings, metrics: Sequence[str], *, by: Sequence[str] = ("metric_time__month",), where: str | None = None
) -> Answer:
    """Return metrics by dimensions, in their order.

    Parameters
    ----------
    metrics : sequence of str
        Names; see `metric_names`.
    by : sequence of str
        `metric_time__month` (or another grain), `movement__segment`, `activity__region` and so on.
    where : str, optional
        A condition as MetricFlow writes it, for instance `{{ Dimension('movement__definition') }} = 'contractual'`.

    Raises
    ------
    Permanent
        There is no such metric or dimension, or the warehouse was not built yet.
    """
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
    from metricflow_semantics.errors.error_classes import MetricFlowException

    try:
        request = MetricFlowQueryRequest.create(
            metric_names=list(metrics),
            group_by_names=list(by) or None,
            order_by_names=list(by) or None,
            where_constraints=[where] if where else None,
        )
        statement = _engine(settings).explain(request).sql_statement.sql
    except (MetricFlowException, ValueError) as error:
        raise Permanent(
            f"metrics {', '.join(metrics)}",
            expected="names of metrics and of dimensions that they share",
            got=" ".join(str(error).split())[:400],
            next_step="see `forewarn metrics` for the names",
        ) from error
    with connect(settings.warehouse_url, application="forewarn metrics") as session, session.cursor() as cursor:
        cursor.execute(statement)
        return Answer(tuple(column.name for column in cursor.description or ()), cursor.fetchall(), statement)


def _engine(settings: Settings) -> MetricFlowEngine:
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    client: Any = _Postgres()
    return MetricFlowEngine(semantic_manifest_lookup=SemanticManifestLookup(_manifest(settings)), sql_client=client)


def _manifest(settings: Settings) -> Any:
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest

    file = settings.home / MANIFEST
    if not file.is_file():
        raise Permanent(
            "metrics",
            expected=f"{file}, which every build of the warehouse writes",
            got="no such file",
            next_step="build the warehouse first: `forewarn run`",
        )
    return parse_manifest_from_dbt_generated_manifest(manifest_json_string=file.read_text(encoding="utf-8"))
