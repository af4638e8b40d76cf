"""Run by the interpreter of bi/superset's own environment: import the dashboards, then ask for every chart.

Prints one line of JSON: what was imported, whether importing a changed chart changed it and kept every id, and by file
of a chart (and of the two datasets with a row per month: all their metrics) its rows and its error, as the API of a
real Superset tells a user who is logged in.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import yaml

BY_MONTH = ("datasets/kpi_movements.yaml", "datasets/kpi_activity.yaml")


def query(params: dict[str, Any]) -> dict[str, Any]:
    """Return the query that a page makes of a chart's controls."""
    columns: list[Any] = [*params.get("groupby", []), *params.get("all_columns", [])]
    if axis := params.get("x_axis"):
        grain = params.get("time_grain_sqla")
        by_time = {"expressionType": "SQL", "columnType": "BASE_AXIS", "sqlExpression": axis, "label": axis}
        columns.insert(0, by_time | {"timeGrain": grain} if grain else axis)
    return {
        "columns": columns,
        "metrics": params.get("metrics") or [params[name] for name in ("metric",) if name in params],
        "filters": [
            {"col": one["subject"], "op": one["operator"], "val": one["comparator"]} for one in params["adhoc_filters"]
        ],
        "orderby": [json.loads(one) for one in params.get("order_by_cols", [])],
        "row_limit": params.get("row_limit", 100),
    }


def asked(place: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return the controls of a chart, or those of all metrics of a dataset by month."""
    if place.startswith("charts/"):
        return query(content["params"])
    metrics = [one["metric_name"] for one in content["metrics"]]
    return query(
        {"x_axis": "month", "time_grain_sqla": "P1M", "metrics": metrics, "adhoc_filters": [], "row_limit": 1000}
    )


def never_wait_for_the_disk() -> None:
    """Superset's own database may be lost with the machine: it commits a thousand times while it is set up."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def _(connection: Any, _: object) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("pragma synchronous = off")
            connection.execute("pragma journal_mode = memory")


def main() -> None:
    """Import, import a change and take it back, ask."""
    sys.path.insert(0, sys.argv[1])
    never_wait_for_the_disk()
    from prepare import bundle, load, set_up
    from superset.app import create_app

    app = create_app()
    password = os.environ["FOREWARN_SUPERSET_ADMIN_PASSWORD"]
    with app.app_context():
        from superset.connectors.sqla.models import SqlaTable
        from superset.extensions import db
        from superset.models.dashboard import Dashboard
        from superset.models.slice import Slice

        def ids() -> dict[str, int]:
            return {str(one.uuid): one.id for kind in (Dashboard, Slice, SqlaTable) for one in db.session.query(kind)}

        set_up(password)
        contents = bundle()
        imported, first = load(contents), ids()
        place = "charts/sales_nrr.yaml"
        load(contents | {place: contents[place].replace("slice_name: ", "slice_name: Changed ")})
        changed = db.session.query(Slice).filter(Slice.slice_name.startswith("Changed ")).count()
        load(contents)
        same_ids = first == ids()
        sources = {str(one.uuid): one.datasource_id for one in db.session.query(Slice)}
        sources |= {str(one.uuid): one.id for one in db.session.query(SqlaTable)}
        on_a_dashboard = {str(one.uuid) for board in db.session.query(Dashboard) for one in board.slices}
    client = app.test_client()
    log_in = {"username": "admin", "password": password, "provider": "db"}
    token = client.post("/api/v1/security/login", json=log_in).get_json()["access_token"]
    answers = {}
    for place, text in contents.items():
        if not place.startswith("charts/") and place not in BY_MONTH:
            continue
        content = yaml.safe_load(text)
        found = client.post(
            "/api/v1/chart/data",
            headers={"Authorization": f"Bearer {token}"},
            json={
                "datasource": {"id": sources[content["uuid"]], "type": "table"},
                "queries": [asked(place, content)],
                "result_format": "json",
                "result_type": "full",
                "force": True,
            },
        ).get_json()
        result = found.get("result", [{"data": [], "error": found}])[0]
        answers[place] = {"rows": result["data"], "error": result["error"]}
    said = {
        "imported": imported,
        "changed": changed,
        "same_ids": same_ids,
        "on_a_dashboard": sorted(on_a_dashboard),
        "answers": answers,
        "policy": client.get("/login/").headers["Content-Security-Policy"],
    }
    sys.stdout.write(json.dumps(said, default=str) + "\n")


if __name__ == "__main__":
    main()
