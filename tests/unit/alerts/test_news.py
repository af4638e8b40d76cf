"""Changes of stage and figures of the company: what is worth telling, when, and in which words."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from forewarn.alerts.kpi_watch import KpiBound, load_kpis
from forewarn.alerts.letter import word
from forewarn.alerts.news import Figure, KpiNews, StageNews
from forewarn.alerts.routing import load_routing
from forewarn.alerts.transitions import Transition, Transitions, load_transitions
from forewarn.config.project import Project, load_project
from forewarn.config.segments import Stage
from forewarn.errors import ConfigError

CONFIG = Path(__file__).parents[3] / "config"
TABLE = Transitions(
    transitions=[
        Transition.model_validate({"to": "dormant", "from": ["active", "at_risk"], "level": "medium"}),
        Transition.model_validate({"to": "dormant", "from": "new", "tell": "message"}),
        Transition.model_validate({"to": "won_back", "tell": "message"}),
    ]
)


@pytest.fixture
def own(tmp_path: Path) -> Project:
    return load_project(CONFIG).model_copy(update={"folder": tmp_path})


def months(*figures: float | None) -> list[Figure]:
    return [Figure(month=date(2026, 1 + place, 1), figure=figure) for place, figure in enumerate(figures)]


@pytest.mark.capability("C21")
@pytest.mark.parametrize(
    ("before", "after", "tell"),
    [
        ("active", "dormant", "case"),
        ("new", "dormant", "message"),
        ("lost", "dormant", None),
        ("lost", "won_back", "message"),
        ("won_back", "active", None),
    ],
)
def test_which_changes_are_worth_an_alert(before: Stage, after: Stage, tell: str | None) -> None:
    found = TABLE.of(before, after)
    assert (found and found.tell) == tell


@pytest.mark.capability("C20")
@pytest.mark.parametrize(
    ("bound", "history", "judged"),
    [
        # A value; the bound itself is kept.
        ({"above": 0.05}, months(0.0501), (0.05, True)),
        ({"above": 0.05}, months(0.05), (0.05, False)),
        ({"below": 0.75}, months(0.75), (0.75, False)),
        ({"below": 0.0}, months(-0.1), (0.0, True)),
        # Unknown is neither.
        ({"above": 0.05}, months(0.9, None), None),
        # Against the months before, of which half must be known.
        ({"above_baseline": 1.5, "baseline_months": 3}, months(9, 2, 2, 2, 3.1), (3.0, True)),
        ({"above_baseline": 1.5, "baseline_months": 3}, months(9, 2, 2, 2, 3.0), (3.0, False)),
        ({"below_baseline": 0.5, "baseline_months": 4}, months(4, None, 2, None, 1.4), (1.5, True)),
        ({"below_baseline": 0.5, "baseline_months": 4}, months(4, None, None, None, 0.1), None),
        ({"below_baseline": 0.5}, months(1.0), None),
    ],
)
def test_when_a_figure_lies_beyond_its_bound(
    bound: dict[str, Any], history: list[Figure], judged: tuple[float, bool] | None
) -> None:
    assert KpiBound(kpi="csat", to="service", **bound).beyond(history) == judged


def test_what_is_shipped_for_the_simulated_company() -> None:
    project = load_project(CONFIG)
    bounds = load_kpis(project, load_routing(project))
    assert {bound.kpi for bound in bounds} >= {"non_contractual_logo_churn_rate", "lead_conversion_rate", "csat"}
    told = {(one.to, one.tell) for one in load_transitions(project).transitions}
    assert told == {("at_risk", "case"), ("dormant", "case"), ("lost", "message"), ("won_back", "message")}


def test_without_the_files_nobody_is_told(own: Project) -> None:
    assert load_kpis(own, load_routing(own)) == []
    assert load_transitions(own).transitions == []


@pytest.mark.parametrize(
    ("file", "text", "place", "problem"),
    [
        ("kpis", "kpis:\n  - {kpi: csta, below: 1, to: a@b.example}\n", "2:6", "did you mean `csat`"),
        ("kpis", "kpis:\n  - {kpi: csat, below: 1, to: nobody}\n", "2:27", "`nobody` is no team and no address"),
        ("kpis", "kpis:\n  - {kpi: csat, below: 1, to: account_manager}\n", "2:27", "no team and no address"),
        ("kpis", "kpis:\n  - {kpi: csat, to: a@b.example}\n", "2:5", "exactly one of above, below"),
        ("kpis", "kpis:\n  - {kpi: csat, below: 1, above: 2, to: a@b.example}\n", "2:5", "exactly one of"),
        ("kpis", "kpis:\n" + 2 * "  - {kpi: csat, below: 1, to: a@b.example}\n", "3:6", "a second bound csat"),
        ("transitions", "transitions:\n  - {to: dorment}\n", "2:6", "'dormant'"),
        ("transitions", "transitions:\n  - {to: lost, from: [lost]}\n", "2:16", "no change"),
        ("transitions", "transitions:\n  - {to: lost, form: new}\n", "2:16", "did you mean `from`"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(
    own: Project, file: str, text: str, place: str, problem: str
) -> None:
    (own.folder / f"{file}.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_kpis(own, load_routing(own)) if file == "kpis" else load_transitions(own)
    assert f"{file}.yml:{place}" in str(caught.value)
    assert problem in str(caught.value)


def stage_news(locale: str, **changes: Any) -> StageNews:
    return StageNews(
        as_of_date=date(2026, 11, 16),
        company="Meridian Supply",
        locale=locale,
        why="owner",
        key="0123456789abcdef01234567",
        customer_id="c1",
        customer="Northwind Traders",
        stage="won_back",
        previous_stage="lost",
        previous_as_of=date(2026, 11, 15),
        silent_days=2,
        value_at_stake=116_388,
        currency="USD",
    ).model_copy(update=changes)


def kpi_news(locale: str, **changes: Any) -> KpiNews:
    return KpiNews(
        as_of_date=date(2026, 5, 16),
        company="Meridian Supply",
        locale=locale,
        why="team",
        key="0123456789abcdef01234567",
        kpi="csat",
        unit="share",
        currency="USD",
        side="below",
        limit=0.75,
        history=months(0.81, None, 0.7, 0.6875),
    ).model_copy(update=changes)


@pytest.mark.capability("C21")
@pytest.mark.parametrize(
    ("locale", "subject", "summary", "because"),
    [
        (
            "en",
            "Now won back: Northwind Traders",
            "From lost to won back.",
            "You get this because you are the account manager of Northwind Traders.",
        ),
        (
            "zh_CN",
            "阶段变化：已挽回: Northwind Traders",
            "由已流失变为已挽回。",
            "您是 Northwind Traders 的客户经理，因此收到此邮件。",
        ),
    ],
)
def test_a_change_of_stage_is_worded_for_its_reader(locale: str, subject: str, summary: str, because: str) -> None:
    view = word(stage_news(locale), 7).view
    assert (view.subject, view.summary, view.because, view.level) == (subject, summary, because, "low")
    assert [fact.value for fact in view.facts][2] in {"$116,388", "US$116,388"}
    unsilent = word(stage_news(locale, silent_days=None, stage="prospect"), 7)
    assert len(unsilent.view.facts) == 2


@pytest.mark.capability("C20")
@pytest.mark.parametrize(
    ("locale", "subject", "summary"),
    [
        (
            "en",
            "Customer satisfaction: 68.8% in April 2026",
            "Customer satisfaction was 68.8% in April 2026, below 75%.",
        ),
        ("zh_CN", "客户满意度：2026年4月为 68.8%", "2026年4月客户满意度为 68.8%，低于 75%。"),
    ],
)
def test_a_figure_beyond_its_bound_is_worded_with_bound_history_and_query(
    locale: str, subject: str, summary: str
) -> None:
    letter = word(kpi_news(locale), 7)
    assert (letter.view.subject, letter.view.summary) == (subject, summary)
    assert [fact.value for fact in letter.view.facts] == ["68.8%", "70%", "?", "81%"]
    assert "select month, csat from bi.kpi_monthly order by month" in " ".join(letter.text.split())
    baseline = word(kpi_news("en", side="above", baseline_months=6, kpi="dso_days", unit="days", limit=41.2), 7).view
    assert baseline.summary.endswith("above 41 days, made of the mean of 6 months before.")
