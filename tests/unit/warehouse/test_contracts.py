"""What others read is promised: contracts of the marts, unit tests of what computes, and who reads what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from dbt_models import documented
from ruamel.yaml import YAML

from forewarn.config.entities import entities
from forewarn.warehouse.past_features import MARTS as PAST_MARTS
from forewarn.warehouse.past_features import staging_model
from forewarn.warehouse.publish import VERSIONED
from forewarn.warehouse.row_versions import FEATURE_ENTITIES

PROJECT = Path(__file__).resolve().parents[3]
DBT = PROJECT / "dbt_project"
YAMLS = [YAML(typ="safe").load(file.read_text("utf-8")) for file in sorted((DBT / "models").rglob("*.yml"))]
MODELS: dict[str, dict[str, Any]] = documented(DBT / "models")
MARTS = sorted(file.stem for file in (DBT / "models/marts").rglob("*.sql"))
EXPOSURES = {
    one["name"]: {ref[5:-2] for ref in one["depends_on"]} for found in YAMLS for one in found.get("exposures", [])
}
# Models without a unit test of their own, and why that is enough.
TRIVIAL = {
    "customer_crosswalk": "columns of int_account_identity",
    "customer_crosswalk_v1": "columns of customer_crosswalk; tests/integration/warehouse/test_publish.py",
    "customer_lifecycle_changes": "two lags; tests/integration/warehouse/test_segments.py",
    "alert_signals": "a join; tests/integration/warehouse/test_loop.py",
    "feature_dates": "a count",
    "time_spine": "ten thousand days; every KPI stands on it",
    "int_credit_limits": "columns and a join",
    "int_tickets": "columns and a join",
    "int_subscriptions": "columns and a join",
    "int_subscription_versions": "columns and a join",
    "int_version_dates": "one date; tests/integration/warehouse/test_versions.py",
    "int_payments": "a running sum; tests/integration/warehouse/test_features.py",
    "int_invoices": "a minimum; tests/integration/warehouse/test_features.py",
    "int_texts": "joins; tests/integration/warehouse/test_words.py",
    "int_stockouts": "tests/integration/warehouse/test_features_of_more_departments.py, against figures by hand",
    "int_accounts": "incremental; tests/integration/warehouse/test_nights_at_random.py builds it both ways",
    "int_missed_lookups": "outer joins; tests/integration/warehouse/test_belonging.py",
    "int_orphans": "an outer join; tests/integration/warehouse/test_belonging.py",
    "int_late_lines": "incremental; tests/integration/warehouse/test_nights_at_random.py builds it both ways",
    "int_order_items": "incremental; tests/integration/warehouse/test_nights_at_random.py builds it both ways",
    "int_order_days": "some rows and columns of int_customer_days",
    "int_merged_customers": "rows and a digest of int_account_identity; tests/integration/warehouse/test_identity.py",
    "int_past_records": "written anew each night; tests/integration/warehouse/test_nights_at_random.py removes rows",
    "int_touched_invoices": "written anew each night; tests/integration/warehouse/test_nights_at_random.py",
    "int_touched_orders": "written anew each night; tests/integration/warehouse/test_nights_at_random.py",
    "int_customer_days": "incremental; tests/integration/warehouse/test_increments.py builds it both ways",
}


@pytest.mark.parametrize("name", MARTS)
def test_every_mart_has_an_enforced_contract_with_a_type_for_each_column(name: str) -> None:
    assert MODELS[name]["config"]["contract"] == {"enforced": True}
    assert [column["name"] for column in MODELS[name]["columns"] if not column.get("data_type")] == []


def test_every_model_that_computes_has_a_unit_test() -> None:
    tested = {test["model"] for found in YAMLS for test in found.get("unit_tests", [])}
    computing = {file.stem for layer in ("intermediate", "marts") for file in (DBT / "models" / layer).rglob("*.sql")}
    assert computing - tested == set(TRIVIAL)


def _named(*places: str, pattern: str = r"\bmarts\.(\w+)") -> set[str]:
    files = [file for place in places for file in _files(PROJECT / place)]
    return {name for file in files for name in re.findall(pattern, file.read_text("utf-8"))} & set(MARTS)


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else [f for f in sorted(place.rglob("*")) if f.suffix in (".py", ".yml", ".md")]


def test_exposures_name_what_their_readers_read() -> None:
    assert EXPOSURES["churn_model"] == _named("ml")
    assert EXPOSURES["alerts"] == _named("plugins/forewarn/alerts")
    assert EXPOSURES["gates"] == _named("expectations", pattern=r"table: marts\.(\w+)")
    assert EXPOSURES["bi_views"] == {mart.name for mart in VERSIONED}
    assert EXPOSURES["query_guide"] == _named("docs/how-to/query-the-warehouse.md", pattern=r"\bbi\.(\w+)")
    semantic = {model["model"][5:-2] for found in YAMLS for model in found.get("semantic_models", [])}
    assert EXPOSURES["metrics"] == semantic | {"time_spine"}


def test_no_mart_is_read_by_nobody() -> None:
    newest = {name for name in MARTS if "deprecation_date" not in MODELS[name]}
    assert newest - set().union(*EXPOSURES.values()) == set()


def test_nothing_looks_for_newer_releases_of_metricflow() -> None:
    files = [file for place in ("plugins", "ml", "dags") for file in (PROJECT / place).rglob("*.py")]
    assert len(files) > 100
    named = [f for f in files if re.search(r"(?:import|from) (?:dbt_metricflow|update_checker)", f.read_text("utf-8"))]
    assert named == []


def test_former_rows_are_kept_of_every_entity_that_features_rest_on() -> None:
    found, wanted = set(), list(PAST_MARTS)
    files = {file.stem: file for file in (DBT / "models").rglob("*.sql")}
    while wanted:
        name = wanted.pop()
        if name in files and name not in found and name not in ("int_account_identity", "dim_customers"):
            found.add(name)
            # What an increment alone reads is named by `do`, and by nothing else.
            text = re.sub(r"{%- do ref.*?%}", "", files[name].read_text("utf-8"))
            increment = r"{%-? if is_incremental\(\).*?-?%}.*?{%-? (?:else|elif|endif)"
            wanted += re.findall(r"ref\('(\w+)'\)", re.sub(increment, "", text, flags=re.DOTALL))
            wanted += re.findall(r"'model': '(\w+)'", text)
    of_features = {name for name in entities() if staging_model(name) in found}
    assert of_features - {"lead"} == set(FEATURE_ENTITIES)
