"""The words of the monthly report: what is told, and what is not claimed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from forewarn.alerts.replay import Replayed
from forewarn.alerts.rules import load_rules
from forewarn.config.project import load_project
from forewarn.loop.figures import DIMENSIONS, OF_MONTH, Asked, Figures, Performance
from forewarn.loop.monthly import month_before
from forewarn.loop.monthly_page import monthly_page
from forewarn.loop.page import Page, html
from forewarn.loop.pdf import pdf
from forewarn.loop.save_rate import SaveRate, judged
from forewarn.loop.thresholds import Suggestion, variations

PROJECT = load_project(Path(__file__).resolve().parents[3] / "config")
OCTOBER, AUGUST, TODAY = date(2026, 10, 1), date(2026, 8, 1), date(2026, 11, 1)
NOTHING: dict[str, float | None] = {}


def _figures(
    whole: dict[str, float | None] = NOTHING, saves: list[SaveRate] | None = None, ripe: date | None = AUGUST
) -> Figures:
    performance = {one: Performance({}, (f"select '{one}'",)) for one in DIMENSIONS}
    performance["all"] = Performance({"all": whole} if whole else {}, ("select 1",))
    return Figures(OCTOBER, ripe, "select 2", performance, {"all": (saves or [], "select 3")}, Asked([], "select 4"))


def _page(figures: Figures, suggestions: list[Suggestion] | None = None, locale: str = "en") -> Page:
    return monthly_page(figures, suggestions or [], PROJECT, locale, as_of_date=TODAY)


def _arms(told: tuple[int, int], control: tuple[int, int]) -> list[SaveRate]:
    rows: list[Any] = [("all", "told", *told, 0, 1e6, 1e4), ("all", "control", *control, 0, 0.0, 0.0)]
    return judged(rows)


@pytest.mark.capability("B2", "C45")
@pytest.mark.parametrize(
    ("saves", "said"),
    [
        (_arms((900, 180), (300, 90)), "10% of all customers with an alert stayed who would have left otherwise ("),
        (_arms((90, 18), (30, 9)), "is not shown yet: the interval goes from -6.3% to 29.2%, and holds zero"),
        ([], "there is no control group yet"),
    ],
)
def test_an_effect_is_told_only_where_it_is_shown(saves: list[SaveRate], said: str) -> None:
    page = _page(_figures({"alerts": 10, "told": 9}, saves))
    assert said in page.sections[0].sentences[-1]
    rows = page.sections[2].table.rows if page.sections[2].table else ()
    shown = any(one.shown for one in saves)
    assert [("not shown" in row) for row in rows] == [not shown for _ in saves]


@pytest.mark.capability("B11")
def test_a_month_without_known_outcomes_says_so() -> None:
    sentences = _page(_figures({"alerts": 10, "told": 9}, ripe=None)).sections[0].sentences
    assert sentences[1] == "No month's outcome is known yet: a window of 60 days has to pass first."


def test_an_empty_month_is_told_in_one_sentence() -> None:
    page = _page(_figures())
    assert page.sections[0].sentences == ("No alert fired in October 2026, and no customer is known to have left.",)
    assert b"No alert fired" in html(page)


@pytest.mark.capability("C46")
@pytest.mark.parametrize(
    ("workbench_url", "way"),
    [
        (None, "Change it in its file, then: forewarn rules backtest low_nps"),
        (
            "https://forewarn.meridian.example",
            "Try it on the past: https://forewarn.meridian.example/rules/low_nps?when="
            "%22nps_latest%22+%3C%3D+4+AND+%22nps_age_days%22+%3C%3D+90",
        ),
    ],
)
def test_a_suggestion_names_the_threshold_and_what_tests_it(workbench_url: str | None, way: str) -> None:
    rule = next(one for one in load_rules(PROJECT) if one.name == "low_nps")
    now = Replayed(52, None, None, alerts_per_week=40, precision=0.03, leavers=100, foreseen=20)
    then = Replayed(52, None, None, alerts_per_week=9, precision=0.11, leavers=100, foreseen=17)
    alerts = PROJECT.alerts.model_copy(update={"workbench_url": workbench_url})
    project, one = (
        PROJECT.model_copy(update={"alerts": alerts}),
        Suggestion("low_nps", next(variations(rule)), now, then),
    )
    page = monthly_page(_figures(), [one], project, "en", as_of_date=TODAY)
    (said,) = page.sections[-1].sentences
    assert said == (
        "Rule low_nps: 3% precision at 40 alerts a week. With nps_latest at 4 in place of 6 it would have been"
        f" 11% at 9, and foreseen 17 of 100 leavers in place of 20. {way}"
    )
    assert (b'<a href="https://forewarn.meridian.example/rules/low_nps?when=' in html(page)) == bool(workbench_url)


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_the_pdf_has_its_font_inside_and_is_the_same_each_time(locale: str) -> None:
    page = _page(_figures(dict.fromkeys(OF_MONTH, 12.0), _arms((90, 18), (30, 9))), locale=locale)
    first, again = (pdf(page, made_at=datetime(2026, 11, 1, tzinfo=UTC)) for _ in range(2))
    assert first == again
    assert first.startswith(b"%PDF-")
    assert b"NotoSansSC" in first


def test_the_month_before_a_day() -> None:
    assert [month_before(day) for day in (TODAY, date(2026, 1, 31))] == [OCTOBER, date(2025, 12, 1)]
