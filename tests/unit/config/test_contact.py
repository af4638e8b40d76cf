"""When people are told: what cannot be meant is refused at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from forewarn.config.contact import ContactCap
from forewarn.config.project import load_project
from forewarn.errors import ConfigError

COMPANY = (Path(__file__).parents[3] / "config" / "forewarn.yml").read_text(encoding="utf-8")


def with_line(folder: Path, line: str) -> Path:
    """Write the simulated company with one key of `alerts` said otherwise; return its folder."""
    key = line.partition(":")[0]
    kept = [one for one in COMPANY.splitlines() if not one.startswith(f"  {key}:")]
    place = kept.index("alerts:") + 1
    (folder / "forewarn.yml").write_text("\n".join([*kept[:place], f"  {line}", *kept[place:]]), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('quiet_hours: {from: "08:00", to: "08:00"}', "which could mean always or never"),
        ('quiet_hours: {from: "25:00", to: "08:00"}', "valid time"),
        ('quiet_hours: {form: "18:00", to: "08:00"}', "did you mean `from`"),
        ("working_days: []", "at least 1 item"),
        ("working_days: [mon]", "Input should be 'monday'"),
        ("holidays: {country: Germany}", "no holidays of country `Germany` are known"),
        ("holidays: {country: DE, subdivision: XX}", "DE has no subdivision `XX`"),
        ("holidays: {subdivision: BE}", "a subdivision without its country"),
        ("digest: {levels: [urgent]}", "Input should be 'low'"),
        ("contact_cap: {times: 2}", "`days` is missing"),
        ("circuit_breaker: {share: 1.5}", "less than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load_project(with_line(tmp_path, line))
    text = (tmp_path / "forewarn.yml").read_text(encoding="utf-8").splitlines()
    assert caught.value.line == text.index(f"  {line}") + 1


def test_a_time_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "forewarn.yml").write_text(COMPANY.replace("Europe/Berlin", "Berlin"), encoding="utf-8")
    with pytest.raises(ConfigError, match="no such time zone") as caught:
        load_project(tmp_path)
    assert (caught.value.line, caught.value.column) == (4, 1)


def test_a_tier_without_figures_of_its_own_has_those_of_everybody() -> None:
    cap = ContactCap.model_validate({"times": 1, "days": 30, "tiers": {"key": {"times": 4, "days": 7}}})
    assert [(cap.of(tier).times, cap.of(tier).days) for tier in ("key", "retail", None)] == [(4, 7), (1, 30), (1, 30)]
