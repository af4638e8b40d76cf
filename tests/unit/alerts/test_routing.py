"""Who is told of what: the routing table, absences and fallbacks, as a table; and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from forewarn.alerts.levels import Level, Route
from forewarn.alerts.recipients import Absence, Directory, Matter, Owner
from forewarn.alerts.routing import load_routing
from forewarn.config.project import Project, load_project
from forewarn.errors import ConfigError

CONFIG = Path(__file__).parents[3] / "config"
ANA, BEN, LEAD = "ana.weber@meridian.example", "ben.ortiz@meridian.example", "sales-lead@meridian.example"
DESK, NORTH, CASH = "sales-desk@meridian.example", "north-lead@meridian.example", "receivables@meridian.example"
OWNER = Owner("Ana Weber", ANA, "zh_CN")

TABLE = f"""\
routes:
  account_manager: {{to: owner, fallback: {DESK}}}
  finance: {{to: {CASH}, name: Receivables, fallback: cfo@meridian.example, channels: file}}
teams:
  north_lead: {{to: {NORTH}, name: Lead North, locale: zh_CN}}
  key_accounts: {{to: key-accounts@meridian.example}}
routing:
  - name: large_debts_of_the_north
    families: finance
    levels: [medium, high]
    where: region = 'north'
    to: [finance, north_lead]
  - name: urgent_in_the_north
    routes: account_manager
    levels: high
    where: region = 'north'
    also: north_lead
  - name: competitors
    rules: competitor_named
    to: key_accounts
  - name: never_reached
    rules: competitor_named
    to: finance
"""


@pytest.fixture
def project() -> Project:
    return load_project(CONFIG)


@pytest.fixture
def own(tmp_path: Path, project: Project) -> Project:
    return project.model_copy(update={"folder": tmp_path})


def directory(own: Project, text: str = TABLE, **away: str | None) -> Directory:
    (own.folder / "routes.yml").write_text(text, encoding="utf-8")
    people = {"ana": ANA, "ben": BEN, "cash": CASH, "desk": DESK}
    absences = {people[name]: Absence(people[name], deputy) for name, deputy in away.items()}
    return Directory(own, load_routing(own, signals={"competitor_named"}), absences)


NORTHERN = ("large_debts_of_the_north", "urgent_in_the_north")


@pytest.mark.capability("C34")
@pytest.mark.parametrize(
    ("matter", "told"),
    [
        # By route alone.
        (Matter("account_manager", "medium"), [(ANA, "owner", None)]),
        (Matter("finance", "medium"), [(CASH, "team", None)]),
        # A route that is not named in the file.
        (Matter("service", "high"), [(LEAD, "no_team", None)]),
        # By type, level and region; each key must fit.
        (
            Matter("finance", "medium", families={"finance"}, holds=NORTHERN),
            [(CASH, "routed", NORTHERN[0]), (NORTH, "routed", NORTHERN[0])],
        ),
        (Matter("finance", "low", families={"finance"}, holds=NORTHERN), [(CASH, "team", None)]),
        (Matter("finance", "medium", families={"spend"}, holds=NORTHERN), [(CASH, "team", None)]),
        (Matter("finance", "medium", families={"finance"}), [(CASH, "team", None)]),
        # The account manager, and for what is high the lead of the region as well.
        (
            Matter("account_manager", "high", holds=NORTHERN),
            [(ANA, "owner", None), (NORTH, "routed", NORTHERN[1])],
        ),
        (Matter("account_manager", "medium", holds=NORTHERN), [(ANA, "owner", None)]),
        # The first rule with `to` decides, and what is told as well comes on top.
        (
            Matter("account_manager", "high", rules={"competitor_named", "other"}, holds=NORTHERN),
            [("key-accounts@meridian.example", "routed", "competitors"), (NORTH, "routed", NORTHERN[1])],
        ),
    ],
)
def test_the_routing_table(own: Project, matter: Matter, told: list[tuple[str, str, str | None]]) -> None:
    found = directory(own).readers(matter, OWNER)
    assert [(reader.address, reader.why, reader.cause) for reader in found] == told


@pytest.mark.parametrize(
    ("away", "owner", "address", "why", "cause"),
    [
        ({}, OWNER, ANA, "owner", None),
        ({"ana": BEN}, OWNER, BEN, "deputy", "Ana Weber"),
        ({"ana": BEN}, Owner(None, ANA.upper()), BEN, "deputy", ANA.upper()),
        ({"ana": None}, OWNER, DESK, "away", "Ana Weber"),
        # The deputy is away too, in a circle or not: the fallback of the route, never a second deputy.
        ({"ana": BEN, "ben": ANA}, OWNER, DESK, "away", "Ana Weber"),
        ({"ana": BEN, "ben": "carl@meridian.example"}, OWNER, DESK, "away", "Ana Weber"),
        ({"ana": BEN, "ben": DESK, "desk": ANA}, OWNER, LEAD, "away", "Ana Weber"),
        # The manager has left, or has no address.
        ({}, Owner("Ana Weber", None), DESK, "no_address", None),
        ({}, Owner("Ana Weber", "ana weber@meridian"), DESK, "no_address", None),
        ({}, Owner(None, None), DESK, "no_owner", None),
        ({"desk": BEN}, Owner(None, None), LEAD, "no_owner", None),
    ],
)
def test_52_who_is_away_or_gone_has_a_deputy_or_the_fallback_of_the_route(
    own: Project, away: dict[str, str | None], owner: Owner, address: str, why: str, cause: str | None
) -> None:
    [found] = directory(own, **away).readers(Matter("account_manager", "medium"), owner)
    assert (found.address, found.why, found.cause) == (address, why, cause)


def test_a_team_that_is_away_has_a_deputy_a_fallback_and_channels_of_its_own(own: Project) -> None:
    [found] = directory(own, cash="intern@meridian.example").readers(Matter("finance", "medium"), OWNER)
    assert (found.address, found.why, found.cause) == ("intern@meridian.example", "deputy", "Receivables")
    assert (found.fallback, found.channels) == ("cfo@meridian.example", ("file",))
    [nobody] = directory(own, cash=None).readers(Matter("finance", "medium"), OWNER)
    assert (nobody.address, nobody.why) == ("cfo@meridian.example", "away")
    assert [directory(own, ana=BEN).at(to).address for to in (ANA, "finance")] == [BEN, CASH]


def test_of_one_reader_by_several_ways_there_is_one(own: Project) -> None:
    twice = TABLE.replace(f"to: {NORTH}", f"to: {ANA.upper()}")
    found = directory(own, twice).readers(Matter("account_manager", "high", holds=NORTHERN), OWNER)
    assert [(reader.address, reader.why) for reader in found] == [(ANA, "owner")]


def test_an_account_manager_reads_their_own_language_and_a_team_its(own: Project) -> None:
    routed = directory(own).readers(Matter("finance", "high", families={"finance"}, holds=NORTHERN), OWNER)
    assert [reader.locale for reader in routed] == ["en", "zh_CN"]
    [manager] = directory(own).readers(Matter("account_manager", "low"), OWNER)
    assert (manager.locale, manager.name) == ("zh_CN", "Ana Weber")


@pytest.mark.capability("C34")
@pytest.mark.parametrize(
    ("route", "level", "address", "why"),
    [
        ("account_manager", "medium", ANA, "owner"),
        ("finance", "medium", CASH, "team"),
        ("service", "high", "support-lead@meridian.example", "team"),
    ],
)
def test_the_routes_of_the_simulated_company(
    project: Project, route: Route, level: Level, address: str, why: str
) -> None:
    [found] = Directory(project, load_routing(project)).readers(Matter(route, level), OWNER)
    assert (found.address, found.why) == (address, why)


def test_without_a_file_the_account_managers_get_theirs_and_the_fallback_the_rest(own: Project) -> None:
    found = Directory(own, load_routing(own))
    assert [one.why for one in found.readers(Matter("account_manager", "low"), OWNER)] == ["owner"]
    assert [one.address for one in found.readers(Matter("finance", "low"), OWNER)] == [LEAD]


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        (f"{{to: {CASH}, name", "{to: receivables, name", "3:13", "`receivables` is no address"),
        (f"fallback: {DESK}", "fallback: desk", "2:32", "`desk` is no address"),
        ("channels: file", "channels: email", "3:98", "channel `email` is not in use"),
        ("  north_lead: {to", "  finance: {to", "5:3", "a second `finance`"),
        ("name: competitors", "name: never_reached", "21:5", "a second `never_reached`"),
        ("rules: competitor_named\n    to: key", "rules: competitor_name\n    to: key", "19:5", "`competitor_named`"),
        ("families: finance", "families: finances", "9:5", "did you mean `finance`"),
        ("region = 'north'\n    to", "regin = 'north'\n    to", "11:12", "did you mean `region`"),
        ("region = 'north'\n    to", "orders_90d > 1\n    to", "11:12", "unknown"),
        ("to: [finance, north_lead]", "to: [finance, north_leed]", "12:5", "did you mean `north_lead`"),
        ("    also: north_lead\n", "", "13:5", "tells nobody"),
        ("levels: high", "levels: severe", "15:", "'low', 'medium' or 'high'"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_at_its_place(
    own: Project, old: str, new: str, place: str, problem: str
) -> None:
    assert old in TABLE
    with pytest.raises(ConfigError, match=r"routes\.yml") as caught:
        directory(own, TABLE.replace(old, new, 1))
    assert f"routes.yml:{place}" in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("absences:\n  - {person: ana, from: 2026-12-01, until: 2026-12-08}\n", "`ana` is no address"),
        (f"absences:\n  - {{person: {ANA}, from: 2026-12-08, until: 2026-12-08}}\n", "ends after it begins"),
        (f"absences:\n  - {{person: {ANA}, from: 2026-12-01, until: 2026-12-08, deputy: {ANA}}}\n", "for themselves"),
        ("inhibitions:\n  - {name: a, by: {rules: competitor_named}, of: {}, reason: r}\n", "`of` means every signal"),
        ("inhibitions:\n  - {name: a, by: {rules: gone}, of: {routes: finance}, reason: r}\n", "unknown rule `gone`"),
    ],
)
def test_an_absence_or_an_inhibition_that_cannot_be_meant_is_refused(own: Project, more: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"routes\.yml:2\d:") as caught:
        directory(own, TABLE + more)
    assert problem in str(caught.value)
