"""Who is told in whose place, and what keeps a case quiet for a time and is told of afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, SILENT, AlertingWarehouse, simulated_project
from psycopg2 import extensions
from typer.testing import CliRunner

from forewarn.alerts import CaseCounts, evaluate_rules, open_cases
from forewarn.alerts.absences import NewAbsence, add_absence, away_on
from forewarn.alerts.silences import NewSilence, add_silence
from forewarn.alerts.spans import end_today
from forewarn.alerts.would_tell import would_tell
from forewarn.cli import app
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent

ANA, BEN, CASH = "ana.weber@meridian.example", "ben.ortiz@meridian.example", "receivables@meridian.example"
LEAD = "sales-lead@meridian.example"
NEGATIVE = {"negative_reviews_90d": 1}


class Company:
    """One customer, and days on which things happen to it."""

    def __init__(self, settings: Settings, project: Project, marts: AlertingWarehouse) -> None:
        self.settings, self.project, self.marts = settings, project, marts

    def day(self, ahead: int, score: float | None = None, **features: float | None) -> CaseCounts:
        day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
        self.marts.features("c1", day, **features)
        if score is not None:
            self.marts.score("c1", score, day)
        self.marts.publish(day, f"run {ahead}")
        evaluate_rules(self.settings, self.project, as_of_date=day, now=now)
        return self.again(ahead)

    def again(self, ahead: int) -> CaseCounts:
        day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
        return open_cases(self.settings, self.project, as_of_date=day, run_id=f"run {ahead}", now=now)

    def told(self) -> list[tuple[Any, ...]]:
        return self.marts.rows(
            "select recipient, payload ->> 'why', payload ->> 'route', payload ->> 'level' from alerts.outbox"
            " where kind = 'case' order by alert_id"
        )

    def withheld(self) -> tuple[Any, ...]:
        return self.marts.rows('select withheld, withheld_routes from alerts."case"')[0]

    def reasons(self, kind: str = "suppressed") -> list[str]:
        query = "select reason from alerts.case_event where kind = %s order by event_id"
        return [reason for (reason,) in self.marts.rows(query, [kind])]


@pytest.fixture
def company(settings: Settings, marts: AlertingWarehouse) -> Company:
    marts.customer("c1", region="north")
    return Company(settings, simulated_project(settings.config), marts)


@pytest.fixture
def cursor(marts: AlertingWarehouse) -> Iterator[extensions.cursor]:
    with marts.connection.cursor() as cursor:
        yield cursor


def routed(company: Company, folder: Path, text: str) -> None:
    """Give the company another routes.yml."""
    for name in ("forewarn.yml", "playbooks.yml"):
        (folder / name).write_text((company.settings.config / name).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "rules").symlink_to(company.settings.config / "rules")
    (folder / "routes.yml").write_text(text, encoding="utf-8")
    company.project = company.project.model_copy(update={"folder": folder})


ROUTES = f"routes:\n  account_manager: {{to: owner}}\n  finance: {{to: {CASH}}}\n"
NORTH = f"""\
teams:
  lead: {{to: {LEAD}, name: Sales lead, channels: file}}
routing:
  - {{name: urgent_north, routes: account_manager, levels: high, where: region = 'north', also: lead}}
"""


@pytest.mark.capability("C34")
def test_a_routing_table_adds_the_lead_of_the_region_once_a_case_is_high(company: Company, tmp_path: Path) -> None:
    routed(company, tmp_path, ROUTES + NORTH)
    company.day(0, 0.6)
    assert company.told() == [(ANA, "owner", "account_manager", "medium")]
    assert company.day(1, 0.9).letters == 2
    assert company.told()[1:] == [
        (ANA, "owner", "account_manager", "high"),
        (LEAD, "routed", "account_manager", "high"),
    ]
    [(told, cause)] = company.marts.rows(
        "select detail -> 'told' -> 'account_manager', (select payload ->> 'cause' from alerts.outbox"
        " where recipient = %s) from alerts.case_event where kind = 'raised'",
        [LEAD],
    )
    assert (told, cause) == ([f"{ANA} (owner)", f"{LEAD} (routed: urgent_north)"], "urgent_north")
    # The account manager did not answer: whoever else was told of it does not count as the one who should have.
    escalated = company.project.alerts.model_copy(update={"escalation_recipient": "head@meridian.example"})
    company.project = company.project.model_copy(update={"alerts": escalated})
    assert company.day(30, 0.9).escalated == 1
    assert company.reasons("escalated")[0].startswith(f"no answer of {ANA} by")


def test_52_a_case_of_who_is_away_goes_to_the_deputy_and_says_so(company: Company, cursor: extensions.cursor) -> None:
    new = NewAbsence(ANA, DAY, DAY + timedelta(days=7), BEN, "leave")
    number = add_absence(cursor, new, by="lead", now=NOW)
    company.day(0, 0.6)
    assert company.told() == [(BEN, "deputy", "account_manager", "medium")]
    assert company.marts.rows(
        "select detail ->> 'because', payload ->> 'cause' from alerts.case_event, alerts.outbox"
    ) == [("deputy", "Ana Weber")]
    # A second time in the same days is refused; what was ended leaves its days free.
    with pytest.raises(Permanent, match=f"absence {number}, from {DAY}"):
        add_absence(cursor, new, by="lead", now=NOW)
    assert end_today(cursor, "absence", number, by="ana", reason="back", now=NOW)
    assert not end_today(cursor, "absence", number, by="ana", reason="back", now=NOW)
    assert away_on(cursor, DAY) == {}
    assert company.day(1, 0.9).letters == 1
    assert company.told()[-1][:2] == (ANA, "owner")
    add_absence(cursor, NewAbsence(ANA, DAY, DAY + timedelta(days=3), None, "again"), by="lead", now=NOW)
    assert away_on(cursor, DAY + timedelta(days=2)).keys() == {ANA}
    assert away_on(cursor, DAY + timedelta(days=3)) == {}, "the first day back"
    assert company.marts.rows(
        "select entered_by, ended_by, end_reason, ended_day from alerts.absence order by 1, 2"
    ) == [
        ("lead", "ana", "back", DAY),
        ("lead", None, None, None),
    ]
    with pytest.raises(Permanent, match="the number of one"):
        end_today(cursor, "absence", 99, by="ana", reason="", now=NOW)


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (NewAbsence("ana", DAY, DAY + timedelta(days=1), None, ""), "an e-mail address, got ana"),
        (NewAbsence(ANA, DAY, DAY, None, ""), "a first day back after"),
        (NewAbsence(ANA, DAY, DAY + timedelta(days=1), ANA.upper(), ""), "somebody else as deputy"),
    ],
)
def test_an_absence_that_cannot_be_meant_is_refused(cursor: extensions.cursor, new: NewAbsence, problem: str) -> None:
    with pytest.raises(Permanent, match=problem):
        add_absence(cursor, new, by="lead", now=NOW)


@pytest.mark.capability("C37")
def test_a_silence_of_one_route_keeps_its_messages_back_until_it_ends(
    company: Company, cursor: extensions.cursor
) -> None:
    until = DAY + timedelta(days=2)
    add_silence(cursor, NewSilence(DAY, until, "instalments agreed", route="finance"), by="cfo", now=NOW)
    counts = company.day(0, 0.6, **OVERDUE)
    assert (counts.opened, counts.letters, counts.withheld) == (1, 1, 1)
    assert company.told() == [(ANA, "owner", "account_manager", "high")]
    assert company.withheld() == (None, {"finance": "silence"})
    said = [f"finance is silenced, silence 1 of cfo until {until}: instalments agreed"]
    assert company.reasons() == said
    assert (company.again(0).letters, company.day(1, 0.6, **OVERDUE).letters, company.reasons()) == (0, 0, said)
    # It has ended, and the invoices are still overdue.
    assert company.day(2, 0.6, **OVERDUE).letters == 1
    assert company.told()[-1] == (CASH, "team", "finance", "high")
    assert company.withheld() == (None, {})
    assert company.day(3, 0.6, **OVERDUE).letters == 0


@pytest.mark.parametrize(
    ("about", "letters"),
    [
        ({"customer_id": "c1"}, (0, 0)),
        ({"customer_id": "c2"}, (1, 1)),
        # Of another signal beside the silenced one people are told.
        ({"signal": "silent_quarter"}, (0, 1)),
        ({"signal": "non_contractual"}, (1, 1)),
        ({"condition": "region = 'north'"}, (0, 0)),
        ({"condition": "region = 'south'"}, (1, 1)),
        ({"signal": "silent_quarter", "condition": "region = 'south'"}, (1, 1)),
    ],
)
def test_a_silence_is_about_what_fits_all_that_it_says(
    company: Company, cursor: extensions.cursor, about: dict[str, str], letters: tuple[int, int]
) -> None:
    add_silence(cursor, NewSilence(DAY, DAY + timedelta(days=5), "known", **about), by="lead", now=NOW)
    first = company.day(0, **SILENT)
    withheld = company.withheld()
    assert (first.opened, first.letters, company.day(1, 0.6, **SILENT).letters) == (1, *letters)
    assert withheld == ((None, {}) if letters[0] else ("silence", {"account_manager": "silence"}))


def test_what_has_ceased_to_stand_is_not_told_when_its_silence_ends(
    company: Company, cursor: extensions.cursor
) -> None:
    number = add_silence(
        cursor, NewSilence(DAY, DAY + timedelta(days=90), "known", customer_id="c1"), by="lead", now=NOW
    )
    company.day(0, 0.6)
    assert end_today(cursor, "silence", number, by="lead", reason="over", now=NOW)
    # Its score has fallen below what keeps it a signal: nobody needs to hear of it.
    assert company.day(1, 0.3).letters == 0
    assert company.day(2, 0.6).letters == 1


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (NewSilence(DAY, DAY + timedelta(days=1), "r"), "a customer, a rule, a route or a condition, got none"),
        (NewSilence(DAY, DAY, "r", customer_id="c1"), "an end after"),
        (NewSilence(DAY, DAY + timedelta(days=1), "r", route="finances"), "did you mean `finance`"),
        (NewSilence(DAY, DAY + timedelta(days=1), "r", condition="regin = 'a'"), "did you mean `region`"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(cursor: extensions.cursor, new: NewSilence, problem: str) -> None:
    with pytest.raises(Permanent, match=problem):
        add_silence(cursor, new, by="lead", now=NOW)


OPEN = {"complaints_30d": 1, "complaints_90d": 1, "complaints_prior_90d": 0, "open_tickets": 1}


@pytest.mark.capability("C37")
def test_a_churn_alert_waits_while_a_complaint_is_open_and_is_told_when_it_is_solved(company: Company) -> None:
    counts = company.day(0, 0.6, **OPEN)
    # Both are signals of one case, which is therefore high; service is told, and the account manager is not.
    assert (counts.opened, counts.letters, counts.withheld) == (1, 1, 1)
    assert company.told() == [("support-lead@meridian.example", "team", "service", "high")]
    assert company.withheld() == (None, {"account_manager": "inhibited"})
    assert company.reasons() == [
        "account_manager waits while complaint_open goes on, complaint_open: the customer waits for an answer to a"
        " complaint, which comes first"
    ]
    assert company.day(1, 0.6, **OPEN).letters == 0
    # Nobody knows whether it is solved while the help desk's data are late: what went on goes on.
    company.marts.run(
        "insert into ops.late_stream values (%s, 'help_desk', 'tickets', %s, null, null, '{open_tickets}', %s)",
        [DAY + timedelta(days=2), NOW, NOW],
    )
    assert company.day(2, 0.6, **OPEN | {"open_tickets": None}).letters == 0
    assert company.day(3, 0.6).letters == 1
    assert company.told()[-1] == (ANA, "owner", "account_manager", "high")
    assert company.withheld() == (None, {})
    assert company.day(4, 0.6).letters == 0


def test_a_complaint_says_nothing_of_what_finance_hears_nor_of_a_signal_that_is_not_inhibited(company: Company) -> None:
    assert company.day(0, 0.6, **OPEN | OVERDUE | NEGATIVE).letters == 3
    assert {route for _, _, route, _ in company.told()} == {"account_manager", "finance", "service"}


@pytest.mark.parametrize(
    ("scores", "letters", "cases"),
    [
        # Above 0.5 it begins; down to 0.4 it goes on, and neither begins again nor ends.
        ((0.45,), 0, 0),
        ((0.55, 0.45, 0.41, 0.52, 0.44), 1, 1),
    ],
)
def test_54_a_score_in_the_band_goes_on_and_begins_nothing(
    company: Company, scores: tuple[float, ...], letters: int, cases: int
) -> None:
    for ahead, score in enumerate(scores):
        company.day(7 * ahead, score)
    assert (len(company.told()), company.marts.rows('select count(*) from alerts."case"')) == (letters, [(cases,)])
    # The case rests on every one of these days, and so is never quiet for lack of a signal.
    newest = company.marts.rows('select max(updated_as_of) from alerts."case"')
    assert newest == [(DAY + timedelta(days=7 * (len(scores) - 1)) if cases else None,)]
    assert company.reasons("quiet") == []
    # Below the band it is no signal, and once the case is closed only the threshold itself begins another.
    assert company.day(50, 0.39).signals == 0
    company.marts.run(
        "update alerts.\"case\" set state = 'closed', outcome = 'saved', intervention = 'call',"
        " intervention_presumed = false, closed_as_of = updated_as_of"
    )
    assert [company.day(90 + ahead, score).opened for ahead, score in enumerate((0.45, 0.49, 0.5))] == [0, 0, 1]


def test_what_would_be_told_of_a_customer_says_whom_and_why(
    company: Company, cursor: extensions.cursor, tmp_path: Path
) -> None:
    routed(company, tmp_path, ROUTES + NORTH)
    company.day(0)
    add_silence(cursor, NewSilence(DAY, DAY + timedelta(days=5), "known", signal="spend_drop"), by="lead", now=NOW)
    add_absence(cursor, NewAbsence(CASH, DAY, DAY + timedelta(days=5), BEN, "audit"), by="lead", now=NOW)
    told = {one.signal: one for one in would_tell(cursor, company.project, "c1", level="high")}
    readers = {name: [(one.address, one.why, one.cause, one.channels) for one in told[name].readers] for name in told}
    assert readers["non_contractual"] == [
        (ANA, "owner", None, ("file",)),
        (LEAD, "routed", "urgent_north", ("file",)),
    ]
    assert readers["overdue_receivables"] == [(BEN, "deputy", CASH, ("file",))]
    assert (told["non_contractual"].quiet, told["spend_drop"].quiet) == (
        "",
        f"account_manager is silenced, silence 1 of lead until {DAY + timedelta(days=5)}: known",
    )
    by_level = {one.signal: (one.level, len(one.readers)) for one in would_tell(cursor, company.project, "c1")}
    assert by_level["non_contractual"] == ("medium", 1)
    assert would_tell(cursor, company.project, "nobody") == []


def test_the_commands_enter_list_and_end_and_a_dry_run_enters_nothing(company: Company) -> None:
    company.day(0)
    place = {
        "FOREWARN_WAREHOUSE_URL": company.settings.warehouse_url,
        "FOREWARN_HOME": str(company.settings.home),
        "COLUMNS": "220",
    }

    def forewarn(*words: str) -> str:
        done = CliRunner().invoke(app, list(words), env=place)
        assert done.exit_code == 0, done.output
        return done.output

    for command, about in (("absence", [ANA, "--deputy", BEN]), ("silence", ["--route", "finance", "--why", "audit"])):
        count = f"select count(*), count(ended_by) from alerts.{command}"
        add = (command, "add", *about, "--until", "2026-12-01")
        forewarn(*add, "--dry-run")
        assert company.marts.rows(count) == [(0, 0)]
        assert f"from {DAY} until 2026-12-01" in forewarn(*add)
        [(number,)] = company.marts.rows(f"select {command}_id from alerts.{command}")
        forewarn(command, "end", str(number), "--dry-run")
        assert company.marts.rows(count) == [(1, 0)]
        if command == "absence":
            assert BEN in forewarn("routes", "explain", "c1")
        forewarn(command, "end", str(number))
        assert "nothing changed" in forewarn(command, "end", str(number))
        assert company.marts.rows(count) == [(1, 1)]
        assert "2026-12-01" in forewarn(command, "list")
    told = forewarn("routes", "explain", "c1", "--level", "high")
    assert re.search(rf"overdue_receivables +│ high +│ {CASH} +│ team +│ file", told)
    assert CliRunner().invoke(app, ["routes", "explain", "nobody"], env=place).exit_code == 1
