"""The dashboards' files hold together: ids, references, grains, and nothing but schema bi."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[3] / "bi" / "superset"
FAMILY = uuid.uuid5(uuid.NAMESPACE_URL, "forewarn/bi/superset")


def read(part: str) -> dict[str, Any]:
    """Return the files of a part of the export by their place."""
    files = sorted((FOLDER / part).glob("*.yaml"))
    assert files, part
    return {str(file.relative_to(FOLDER)): YAML(typ="safe").load(file) for file in files}


DATASETS, CHARTS, DASHBOARDS = read("datasets"), read("charts"), read("dashboards")
DATASET_OF = {one["uuid"]: one for one in DATASETS.values()}


@pytest.mark.parametrize("part", ["databases", "datasets", "charts", "dashboards"])
def test_an_id_is_made_of_its_place_so_that_it_is_the_same_everywhere(part: str) -> None:
    assert {place: one["uuid"] for place, one in read(part).items()} == {
        place: str(uuid.uuid5(FAMILY, place)) for place in read(part)
    }


def test_there_is_a_dashboard_for_each_of_the_four_readers() -> None:
    assert {place: one["slug"] for place, one in DASHBOARDS.items()} == {
        "dashboards/data_quality.yaml": "forewarn-data-quality",
        "dashboards/finance.yaml": "forewarn-finance",
        "dashboards/head_of_sales.yaml": "forewarn-head-of-sales",
        "dashboards/head_of_service.yaml": "forewarn-head-of-service",
    }


def test_every_chart_is_on_one_dashboard_under_its_own_name() -> None:
    placed = [
        (one["meta"]["uuid"], one["meta"]["sliceName"])
        for board in DASHBOARDS.values()
        for one in board["position"].values()
        if isinstance(one, dict) and one["type"] == "CHART"
    ]
    assert sorted(placed) == sorted((one["uuid"], one["slice_name"]) for one in CHARTS.values())


def test_a_row_of_a_dashboard_is_full() -> None:
    for board in DASHBOARDS.values():
        position = board["position"]
        for row in (position[name] for name in position["GRID_ID"]["children"]):
            assert sum(position[name]["meta"]["width"] for name in row["children"]) == 12


def test_every_chart_and_dataset_names_its_grain() -> None:
    assert [place for place, one in CHARTS.items() if not re.match(r"One \w+", one["description"])] == []
    assert [place for place, one in DATASETS.items() if not one["description"].startswith("One row per ")] == []


@pytest.mark.parametrize("place", CHARTS)
def test_a_chart_asks_for_what_its_dataset_has(place: str) -> None:
    chart = CHARTS[place]
    dataset, params = DATASET_OF[chart["dataset_uuid"]], chart["params"]
    metrics = {one["metric_name"] for one in dataset["metrics"]}
    columns = {one["column_name"] for one in dataset["columns"]}
    asked = params.get("metrics", []) + [
        params[key] for key in ("metric", "timeseries_limit_metric") if params.get(key)
    ]
    assert set(asked) <= metrics
    named = [
        *params.get("groupby", []),
        *params.get("all_columns", []),
        *[params[key] for key in ("x_axis",) if key in params],
    ]
    assert set(named) | {one["subject"] for one in params["adhoc_filters"]} <= columns
    assert asked or params.get("all_columns")
    assert params["viz_type"] == chart["viz_type"]


def test_figures_of_a_months_end_are_asked_for_by_month_alone() -> None:
    by_month = 0
    for place, chart in CHARTS.items():
        warned = {
            one["metric_name"]
            for one in DATASET_OF[chart["dataset_uuid"]]["metrics"]
            if "By month only" in (one["warning_text"] or "")
        }
        params = chart["params"]
        if warned & {*params.get("metrics", []), params.get("metric")}:
            assert (params.get("x_axis"), params.get("time_grain_sqla")) == ("month", "P1M"), place
            by_month += 1
    assert by_month > 5


def test_datasets_read_schema_bi_and_nothing_else() -> None:
    for place, one in DATASETS.items():
        assert one["schema"] == "bi", place
        if one["sql"]:
            tree = sqlglot.parse_one(one["sql"], dialect="postgres")
            own = {name.alias for name in tree.find_all(sqlglot.exp.CTE)}
            read = {table.sql() for table in tree.find_all(sqlglot.exp.Table) if table.name not in own}
            assert {name.split(".")[0] for name in read} == {"bi"}, place


def test_labels_of_a_datasets_metrics_differ() -> None:
    for place, one in DATASETS.items():
        labels = [metric["verbose_name"] for metric in one["metrics"]]
        assert len(labels) == len(set(labels)), place


def test_nobody_writes_over_this_connection_and_no_password_stands_in_it() -> None:
    (database,) = read("databases").values()
    assert {
        key: database[key] for key in ("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload")
    } == dict.fromkeys(("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload"), False)
    assert database["sqlalchemy_uri"] == "postgresql+psycopg2://reader@warehouse/forewarn"
