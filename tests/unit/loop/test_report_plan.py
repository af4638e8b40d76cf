"""Who gets which report when: periods, and what reports.yml may not say."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forewarn.alerts.routing import load_routing
from forewarn.config.project import Project, load_project
from forewarn.errors import ConfigError
from forewarn.loop.report_plan import Planned, load_reports

CONFIG = Path(__file__).resolve().parents[3] / "config"


@pytest.mark.parametrize(
    ("planned", "as_of_date", "since", "until"),
    [
        ({"every": "week"}, "2024-09-09", "2024-09-02", "2024-09-09"),
        ({"every": "week"}, "2024-09-15", "2024-09-02", "2024-09-09"),
        ({"every": "week", "weekday": "friday"}, "2024-09-13", "2024-09-06", "2024-09-13"),
        ({"every": "month"}, "2024-03-01", "2024-02-01", "2024-03-01"),
        ({"every": "month"}, "2024-01-31", "2023-12-01", "2024-01-01"),
        ({"report": "anomalies", "every": "day"}, "2024-03-01", "2024-02-29", "2024-03-01"),
    ],
)
def test_the_newest_period_that_is_over(planned: dict[str, str], as_of_date: str, since: str, until: str) -> None:
    period = Planned.model_validate({"report": "sales", "to": "finance", **planned}).newest(
        date.fromisoformat(as_of_date)
    )
    assert (str(period.since), str(period.until)) == (since, until)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{report: sale, to: finance}", r"reports\.yml:2:.*sale"),
        ("{report: sales, to: finanse}", r"reports\.yml:2:.*did you mean `finance`"),
        ("{report: sales, to: finance, locale: fr}", r"reports\.yml:2:.*`fr`"),
        ("{report: sales, every: day, to: finance}", r"only `anomalies` goes out by the day"),
        ("{report: sales, every: month, weekday: friday, to: finance}", r"`weekday` is of weekly reports"),
        ("{report: data, to: finance}\n  - {report: data, to: finance}", r"reports\.yml:3:.*second report data"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_place(tmp_path: Path, line: str, problem: str) -> None:
    project = load_project(CONFIG)
    routing = load_routing(project)
    (tmp_path / "reports.yml").write_text(f"reports:\n  - {line}\n", encoding="utf-8")
    own: Project = project.model_copy(update={"folder": tmp_path})
    with pytest.raises(ConfigError, match=problem):
        load_reports(own, routing)


def test_the_shipped_plan_and_none() -> None:
    project = load_project(CONFIG)
    assert {one.report for one in load_reports(project, load_routing(project))} == {
        *("sales", "service", "finance", "data", "anomalies"),
    }
    assert load_reports(project.model_copy(update={"folder": CONFIG / "rules"}), load_routing(project)) == []
