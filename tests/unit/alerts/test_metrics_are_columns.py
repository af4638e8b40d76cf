"""The metrics that rules may name are the columns that dbt promises."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from forewarn.alerts.language import Language
from forewarn.alerts.metrics import declared

MARTS = Path(__file__).parents[3] / "dbt_project" / "models" / "marts"


def columns(model: str) -> set[str]:
    for file in sorted(MARTS.rglob("*.yml")):
        content: Any = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
        for entry in content.get("models", []):
            if entry["name"] == model:
                return {column["name"] for column in entry["columns"]}
    raise AssertionError(f"no model {model}")


def test_every_metric_is_a_feature_and_every_feature_a_metric() -> None:
    assert set(declared().metrics) == columns("churn_features") - {"customer_id", "as_of_date"}


def test_every_attribute_is_a_column_of_the_customers() -> None:
    assert set(declared().attributes) <= columns("dim_customers")


def test_every_kpi_is_a_column_of_the_months_and_has_a_name_in_each_language() -> None:
    kpis = declared().kpis
    assert set(kpis) <= columns("kpi_monthly")
    assert all(Language(locale).knows("kpi", name) for name in kpis for locale in ("en", "zh_CN"))


def test_cases_find_what_they_say_of_a_customer() -> None:
    assert {"owner_id", "owner_name", "owner_email", "owner_locale", "owner_time_zone", "contact_name"} <= columns(
        "dim_customers"
    )
    assert "value_at_stake_year" in columns("customer_360")
