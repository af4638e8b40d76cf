"""Group G of the faults: persons who are erased, and what grows old. Numbers are the rows of the fault list."""

from __future__ import annotations

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse, simulated_project
from hypothesis import given
from hypothesis import strategies as st
from waiting_alerts import messages, wait_for_alerts

from forewarn.alerts import dispatch, open_cases
from forewarn.config.project import Project, load_project
from forewarn.config.retention import Retention
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.privacy import holds, subjects
from forewarn.privacy.erase import Erasure, erase
from forewarn.privacy.files import files_with, replace_in_files, report_folders, written
from forewarn.privacy.retention import retain
from forewarn.sources import Source, extract_stream, forget_again
from forewarn.sources.loader import load_source

DESK = """
kind: files
connection: drops
streams:
  accounts:
    path: "accounts*.csv"
    format: csv
    key: [id]
    entities:
      account:
        columns: {account_id: id, name: name, email: mail, city: city}
  people:
    path: "people*.csv"
    format: csv
    key: [id]
    columns: {born: date}
    personal: [nickname]
    lookup:
      phone: {stream: phones, by: id, take: number}
    entities:
      contact:
        columns: {contact_id: id, account_id: account, name: name, email: mail, phone: phone}
  phones:
    path: "phones*.csv"
    format: csv
    key: [person]
  tickets:
    path: "tickets*.csv"
    format: csv
    entities:
      ticket:
        columns: {ticket_id: id, account_id: account, opened_at: opened, subject: subject}
  reviews:
    path: "reviews*.csv"
    format: csv
    entities:
      review:
        belongs_to: {contact: person}
        columns: {review_id: id, posted_at: posted, body: words}
"""
ACCOUNTS = """id,name,mail,city
A1,Anna Sommer GmbH,anna@sommer.example,Ulm
A2,Berg & Söhne,post@berg.example,Ulm
"""
PEOPLE = """id,account,name,mail,born,nickname
P1,A1,Anna Sommer,anna@sommer.example,1980-02-01,Anni
P2,A2,Chen Xiaoming,chen@berg.example,1981-03-02,Ming
P3,A2,Peter,peter@berg.example,1982-04-03,Peter
"""
TICKETS = """id,account,opened,subject
1,A1,2026-10-01,late again
1,A1,2026-10-01,Anna Sommer called twice
2,A2,2026-10-02,Chen Xiaoming wants to speak to Anna Sommer
3,A2,2026-10-03,late again
"""


class Desk:
    """A source with persons in it, landed into a warehouse that alerts read."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        file = folder / "desk.yml"
        file.write_text(DESK, encoding="utf-8")
        self.source: Source = load_source(file)
        self.sources = {"desk": self.source}

    def land(self, **files: str) -> None:
        """Write the files and land what they feed."""
        for name, text in files.items():
            (self.folder / f"{name}.csv").write_text(text, encoding="utf-8")
            extract_stream(
                self.settings,
                self.source,
                name.partition("_")[0],
                run_id="run",
                now=NOW,
                resolve=lambda *_: self.folder.as_uri(),
            )

    def erase(self, *, customer: str = "", contact: str = "", dry_run: bool = False) -> Erasure:
        """Erase one person."""
        return erase(
            self.settings,
            self.sources,
            lambda cursor: (
                subjects.customer(cursor, customer) if customer else subjects.contact(cursor, self.sources, contact)
            ),
            reason="asked by letter",
            by="lena",
            now=NOW,
            dry_run=dry_run,
        )


@pytest.fixture
def desk(settings: Settings, marts: AlertingWarehouse, tmp_path: Path) -> Desk:
    folder = tmp_path / "drops"
    folder.mkdir()
    desk = Desk(settings, folder)
    desk.land(accounts=ACCOUNTS, people=PEOPLE, tickets=TICKETS)
    marts.run("insert into marts.customer_crosswalk values ('desk', 'A1', 'c0'), ('desk', 'A2', 'c1')")
    return desk


def everything(marts: AlertingWarehouse) -> str:
    """Return every row of every table, as a dump would have it."""
    tables = marts.rows(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^(pg_|information_schema)'"
    )
    return "\n".join(str(row) for (table,) in tables for row in marts.rows(f"select t::text from {table} as t"))


def test_82_what_belongs_to_a_record_of_somebody_goes_with_them_and_comes_back_without_words(
    desk: Desk, marts: AlertingWarehouse
) -> None:
    landed = "select id, words from raw_desk.reviews order by id"
    phones = "select person, number from raw_desk.phones order by person"
    desk.land(reviews="id,person,posted,words\nR1,P1,2026-10-01,Never again!\nR2,P2,2026-10-01,Fine\n")
    desk.land(phones="person,number\nP1,0731 1\nP2,0731 2\nP4,0731 4\n")
    desk.erase(customer="c0")
    assert marts.rows(landed) == [("R1", None), ("R2", "Fine")]
    assert marts.rows(phones) == [("P1", None), ("P2", "0731 2"), ("P4", "0731 4")]
    desk.land(phones_2="person,number\nP1,0731 11\n")
    assert marts.rows(phones)[0] == ("P1", None)
    desk.land(reviews_2="id,person,posted,words\nR3,P1,2026-10-02,As I said!\nR4,P4,2026-10-02,Mine as well!\n")
    assert marts.rows(landed) == [("R1", None), ("R2", "Fine"), ("R3", None), ("R4", "Mine as well!")]
    # Whose P4 is becomes known later.
    desk.land(people_2="id,account,name,mail,born,nickname\nP4,A1,Someone,s@sommer.example,1980-02-01,S\n")
    forget_again(desk.settings, desk.sources)
    assert marts.rows(landed) == [("R1", None), ("R2", "Fine"), ("R3", None), ("R4", None)]
    assert marts.rows(phones) == [("P1", None), ("P2", "0731 2"), ("P4", None)]


def test_82_a_contact_goes_from_every_table_and_comes_back_without_words(desk: Desk, marts: AlertingWarehouse) -> None:
    done = desk.erase(contact="desk:P2")
    assert done.places == {"raw_desk.people": 1, "raw_desk.tickets": 1, "ops.past_row": 1}
    assert marts.rows("select id, account, name, mail, born, nickname from raw_desk.people order by id")[1] == (
        *("P2", "A2", None, None, date(1981, 3, 2), None),
    )
    assert marts.rows("select subject from raw_desk.tickets where id = '2'") == [
        ("(erased 2) wants to speak to Anna Sommer",)
    ]
    assert marts.rows("select kind, subject, places -> 'raw_desk.people' from ops.erasure") == [
        ("contact", "desk:P2", 1)
    ]
    # The same record again, changed; and once in a file that can only be read with care.
    desk.land(people_2=PEOPLE.replace("chen@", "xiaoming@") + "P4,A2,Chen Xiaoming,c@b.example,not a day,Ming\n")
    desk.land(people_3="id,account,name,mail,born,nickname\nP2,A2,Chen Xiaoming,chen@berg.example,not a day,Ming\n")
    assert marts.rows("select name, mail from raw_desk.people where id = 'P2'") == [(None, None)]
    assert marts.rows("select content, reason from quarantine.row where content is null") == [
        (None, "born: expected date, got (erased)")
    ]
    assert "P4" in str(marts.rows("select content from quarantine.row where content is not null"))


def test_82_a_customer_goes_with_its_contacts_cases_and_messages(
    desk: Desk, marts: AlertingWarehouse, settings: Settings
) -> None:
    project = simulated_project(settings.config, channels=["file"])
    for number, name in enumerate(("Anna Sommer GmbH", "Berg & Söhne")):
        marts.customer(f"c{number}", name=name, contact_name="Anna Sommer" if number == 0 else "Peter")
        marts.score(f"c{number}", 0.9)
    marts.publish()
    open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)
    dispatch(settings, project, now=NOW)
    assert len(messages(settings)) == 2
    log = settings.home / "logs" / "day.log"
    log.parent.mkdir(parents=True)
    log.write_text("told of Anna Sommer GmbH and of Berg & Söhne", encoding="utf-8")
    before = everything(marts)
    assert desk.erase(customer="c0", dry_run=True).places["outbox"] >= 1
    assert everything(marts) == before
    assert "Anna Sommer" in log.read_text(encoding="utf-8")

    desk.erase(customer="c0")
    left = everything(marts)
    assert "Sommer" in before
    assert "Sommer" not in left
    assert "anna@" not in left
    assert "Anni" not in left
    assert "Berg & Söhne" in left
    assert marts.rows("select count(*), count(subject) from raw_desk.tickets") == [(3, 2)], "numbers stay, words go"
    assert [name for name in messages(settings) if "anna" in name.lower()] == []
    assert len(messages(settings)) == 1
    assert log.read_text(encoding="utf-8") == "told of (erased) and of Berg & Söhne"
    assert marts.rows("select customer_id, reason, until_day from alerts.silence") == [
        ("c0", "erased: asked by letter", date(9999, 12, 31))
    ]


def test_82_nobody_is_told_of_an_erased_customer_any_more(
    desk: Desk, marts: AlertingWarehouse, settings: Settings, by_file: Project
) -> None:
    wait_for_alerts(settings, by_file, marts, 2)
    desk.erase(customer="c0")
    dispatch(settings, by_file, now=NOW)
    assert marts.rows(
        "select c.customer_id, o.state, o.reason from alerts.outbox o join alerts.case c using (case_id) order by 1"
    ) == [("c0", "suppressed", "the customer was erased"), ("c1", "sent", "000002-customer-1.eml")]


def test_82_what_others_bear_too_is_left_in_their_rows(desk: Desk, marts: AlertingWarehouse) -> None:
    desk.erase(customer="c0")
    assert marts.rows("select subject from raw_desk.tickets where id = '3'") == [("late again",)]
    assert marts.rows("select subject from raw_desk.tickets where id = '2'")[0][0].startswith("Chen Xiaoming wants")


def test_82_accounts_of_an_erased_customer_stay_one(desk: Desk, marts: AlertingWarehouse) -> None:
    marts.run("insert into marts.customer_crosswalk values ('crm', '7', 'c0')")
    desk.erase(customer="c0")
    assert marts.rows(
        "select action, source, account_id, other_source, other_account_id from identity.decision order by line"
    ) == [
        ("separate", "crm", "7", None, None),
        ("separate", "desk", "A1", None, None),
        ("join", "crm", "7", "desk", "A1"),
    ]


def test_82_a_name_that_is_a_key_is_an_error_with_the_place(desk: Desk, marts: AlertingWarehouse) -> None:
    file = desk.folder / "desk.yml"
    file.write_text(DESK.replace("contact_id: id", "contact_id: mail"), encoding="utf-8")
    desk.sources = {"desk": load_source(file)}
    before = everything(marts)
    with pytest.raises(Permanent, match=r"desk.people: mail: expected numbers that say nothing of a person") as caught:
        desk.erase(customer="c0")
    assert "forewarn source reset desk people" in str(caught.value)
    assert everything(marts) == before


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ({"customer": "c9"}, "expected a customer_id of the warehouse"),
        ({"contact": "P1"}, "expected source:number"),
        ({"contact": "nowhere:P1"}, "expected source:number"),
    ],
)
def test_82_whoever_is_not_there_is_said_to_be(desk: Desk, who: dict[str, str], says: str) -> None:
    with pytest.raises(Permanent, match=says):
        desk.erase(**who)


def test_83_a_hold_refuses_erasure_until_it_is_lifted(desk: Desk, marts: AlertingWarehouse) -> None:
    with marts.connection.cursor() as cursor:
        holds.hold(cursor, "c0", reason="in court", by="lena", now=NOW)
        with pytest.raises(Permanent, match="a legal hold: in court"):
            desk.erase(customer="c0")
        with pytest.raises(Permanent, match="a legal hold: in court"):
            holds.hold(cursor, "c0", reason="again", by="lena", now=NOW)
        holds.release(cursor, "c0", reason="settled", by="lena", now=NOW)
        with pytest.raises(Permanent, match="got none"):
            holds.release(cursor, "c0", reason="settled", by="lena", now=NOW)
    assert desk.erase(customer="c0").places


def test_83_what_is_older_than_its_period_goes_and_what_is_held_stays(
    desk: Desk, marts: AlertingWarehouse, settings: Settings, by_file: Project
) -> None:
    wait_for_alerts(settings, by_file, marts, 3)
    dispatch(settings, by_file, now=NOW)
    marts.run(
        "update alerts.case set state = 'closed', outcome = 'saved', intervention = 'call',"
        " intervention_presumed = false, closed_at = now(), closed_as_of = %s"
        " where customer_id <> 'c2'",
        [DAY],
    )
    old, new = NOW - timedelta(days=40), NOW - timedelta(days=20)
    for moment in (old, new):
        for content in ("{'id': 'A1'}", "{'id': 'A11'}", "{'id': 'A2'}"):
            marts.run(
                "insert into quarantine.row (batch_id, source, stream, reason, content, quarantined_at)"
                " select min(batch_id), 'desk', 'people', 'odd', %s, %s from ops.batch",
                [content, moment],
            )
        marts.run(
            "insert into ops.gate_result (gate, as_of_date, run_id, table_name, expectation, severity, passed,"
            " checked_at) values ('raw', %s, %s, 't', 'e', 'info', true, %s)",
            [DAY, str(moment), moment],
        )
        marts.run(
            "insert into ops.row_version values ('raw_desk', 'people', %s, 1, '{\"id\": \"A2\"}')", [moment.date()]
        )
    marts.run("update alerts.outbox set created_at = %s", [old])
    marts.run("update alerts.signal set observed_at = %s", [old])
    for name in messages(settings):
        os.utime(settings.outbox / name, (old.timestamp(), old.timestamp()))
    periods = Retention(quarantine_days=30, message_days=30, row_version_days=30, gate_result_days=30, file_days=30)
    with marts.connection.cursor() as cursor:
        holds.hold(cursor, "c0", reason="in court", by="lena", now=NOW)
        expected = {
            "quarantine_days": 2,
            "row_version_days": 1,
            "gate_result_days": 1,
            "message_days": 2,
            "file_days": 2,
        }
        before = everything(marts)
        cursor.execute("begin")
        assert retain(cursor, settings.home, periods, now=NOW, dry_run=True) == expected
        cursor.execute("rollback")
        assert everything(marts) == before
        assert len(messages(settings)) == 3
        assert retain(cursor, settings.home, periods, now=NOW) == expected
        assert set(retain(cursor, settings.home, periods, now=NOW).values()) == {0}
        assert retain(cursor, settings.home, Retention(), now=NOW + timedelta(days=9999)) == {}
    assert marts.rows("select content, quarantined_at = %s from quarantine.row order by 2, 1", [old]) == [
        ("{'id': 'A1'}", False),
        ("{'id': 'A11'}", False),
        ("{'id': 'A2'}", False),
        ("{'id': 'A1'}", True),
    ]
    said = marts.rows(
        "select c.customer_id, o.payload ? 'reasons', o.payload ? 'key', o.state from alerts.outbox o"
        " join alerts.case c using (case_id) order by 1"
    )
    assert said == [("c0", True, True, "sent"), ("c1", False, True, "sent"), ("c2", True, True, "sent")]
    assert len(messages(settings)) == 1


@pytest.mark.capability("C7")
def test_82_83_reports_of_actions_are_looked_through_where_they_are_written(tmp_path: Path) -> None:
    config, home, shared = tmp_path / "config", tmp_path / "home", tmp_path / "shared"
    shutil.copytree(Path(__file__).resolve().parents[2] / "config", config)
    (config / "actions.yml").write_text(
        "actions:\n  page: {kind: report, folder: ../shared}\n  list: {kind: report, folder: reports/days}\n",
        encoding="utf-8",
    )
    for folder, name in (
        (shared, "case-7.html"),
        (shared, "minutes.html"),
        (home / "reports/days", "cases-2026-02-01.csv"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Jane Canary", encoding="utf-8")
    reports = report_folders(home, load_project(config))
    assert reports == [shared], "one below reports is looked through anyway"
    assert replace_in_files(home, ["Jane Canary"], reports) == {"reports": 1, str(shared): 1}
    # What others put there is not ours.
    assert [(shared / name).read_text("utf-8") for name in ("case-7.html", "minutes.html")] == [
        "(erased)",
        "Jane Canary",
    ]
    assert [file.name for _, file in written(home, reports)] == ["cases-2026-02-01.csv", "case-7.html"]


WORDS = st.text(st.characters(categories=("L", "Nd", "P", "Zs"), exclude_characters="\u0130\u0131"), min_size=4).filter(
    lambda word: word == word.strip()
)


@given(word=WORDS, before=st.sampled_from(["", " ", "«", "\n"]), after=st.sampled_from(["", " ", ",", "</td>"]))
def test_82_any_word_is_found_in_a_file_and_gone_afterwards(
    tmp_path_factory: pytest.TempPathFactory, word: str, before: str, after: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    file = home / "reports" / "page.html"
    file.parent.mkdir()
    file.write_text(f"{before}{word}{after}", encoding="utf-8")
    assert replace_in_files(home, [word]) == {"reports": 1}
    assert list(files_with(home, [word])) == []
    assert file.read_text(encoding="utf-8") == f"{before}(erased){after}"
