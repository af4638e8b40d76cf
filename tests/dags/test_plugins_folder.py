"""Airflow executes every .py below plugins/ under its bare stem; only the plugin itself may be among them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def test_the_loader_sees_the_plugin_alone() -> None:
    from airflow._shared.module_loading import find_path_from_directory

    found = {
        Path(file).relative_to(PROJECT / "plugins")
        for file in find_path_from_directory(str(PROJECT / "plugins"), ".airflowignore", "glob")
        if Path(file).suffix == ".py"
    }
    assert found == {Path("forewarn_plugin.py")}


def test_the_folder_holds_libraries_that_would_be_executed_otherwise() -> None:
    files = list((PROJECT / "plugins").rglob("*.py"))
    assert len(files) > 50


def test_the_plugin_registers_under_its_name() -> None:
    from airflow.plugins_manager import _get_plugins

    plugins, import_errors = _get_plugins()
    assert import_errors == {}
    assert "forewarn" in {plugin.name for plugin in plugins}


def test_airflows_navigation_leads_to_the_workbench_where_its_address_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOREWARN_WORKBENCH_ADDRESS", "https://forewarn.example.org")
    monkeypatch.delenv("FOREWARN_MLFLOW_ADDRESS", raising=False)
    plugin = runpy.run_path(str(PROJECT / "plugins" / "forewarn_plugin.py"))["ForewarnPlugin"]
    assert plugin.external_views == [
        {"name": "Workbench", "href": "https://forewarn.example.org", "destination": "nav"}
    ]
