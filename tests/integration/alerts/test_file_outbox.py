"""The outbox as a folder: what a person finds in it, and what a second run does to it."""

from email import policy
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from alerting_warehouse import DAY, NOW, OVERDUE, RUN, SILENT, AlertingWarehouse, weekly

from forewarn.alerts import dispatch, evaluate_rules, open_cases
from forewarn.config.project import Project
from forewarn.config.settings import Settings


@pytest.fixture
def outbox(settings: Settings, project: Project, marts: AlertingWarehouse) -> Path:
    """A folder after one dispatch: three messages about two customers."""
    marts.customer("c1", owner_locale="zh_CN", name="北风贸易 <b>")
    marts.features("c1", **SILENT | OVERDUE)
    marts.customer("c2", name="Kestrel")
    marts.features("c2")
    for number, day in enumerate(weekly(DAY, 4)):
        marts.score("c2", 0.4 + number / 10, day)
    marts.publish()
    evaluate_rules(settings, project, as_of_date=DAY, now=NOW)
    open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)
    assert dispatch(settings, project, now=NOW).sent == 3
    return settings.outbox


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_each_message_is_a_mail_and_a_page(outbox: Path) -> None:
    names = sorted(file.name for file in outbox.glob("*.eml"))
    assert names == ["000001-kestrel.eml", "000002-北风贸易-b.eml", "000003-北风贸易-b.eml"]
    message = BytesParser(policy=policy.default).parsebytes((outbox / names[1]).read_bytes())
    assert message["Subject"] == "高流失风险：北风贸易 <b> – 每年 US$116,388"
    assert message["X-Forewarn-Alert"] == "2"
    page = (outbox / "pages" / "000001-kestrel.html").read_text(encoding="utf-8")
    assert 'src="data:image/png;base64,' in page
    assert "cid:" not in page


def test_the_index_lists_the_greatest_loss_first_and_links_to_what_exists(outbox: Path) -> None:
    index = (outbox / "index.html").read_text(encoding="utf-8")
    assert index.index("Kestrel") < index.index("北风贸易 &lt;b&gt;")
    assert "<script" not in index
    links = [unquote(part.split('"', 1)[0]) for part in index.split('href="')[1:]]
    assert len(links) == 6
    assert all((outbox / link).is_file() for link in links)
    for shown in ("Receivables", "Ana Weber", "一个季度没有订单也没有联系", "$81,472"):
        assert shown in index


@pytest.mark.capability("B7")
def test_a_second_dispatch_changes_no_file(settings: Settings, project: Project, outbox: Path) -> None:
    before = content_of(outbox)
    assert dispatch(settings, project, now=NOW).sent == 0
    assert content_of(outbox) == before


def test_a_message_that_lies_there_already_is_not_written_again(
    settings: Settings, project: Project, marts: AlertingWarehouse, outbox: Path
) -> None:
    before = content_of(outbox)
    # As after a kill between the rename and our commit.
    marts.run("update alerts.outbox set state = 'pending' where alert_id = 1")
    assert dispatch(settings, project, now=NOW).sent == 1
    assert content_of(outbox) == before
    assert marts.rows("select detail from alerts.attempt order by attempt_id desc limit 1") == [
        ("000001-kestrel.eml was there",)
    ]


def test_a_message_of_another_warehouse_with_the_same_number_is_no_delivery(
    settings: Settings, project: Project, marts: AlertingWarehouse, outbox: Path
) -> None:
    own = outbox / "000001-kestrel.eml"
    [(key,)] = marts.rows("select payload ->> 'key' from alerts.outbox where alert_id = 1")
    foreign = own.read_bytes().replace(key.encode(), b"0" * len(key))
    own.write_bytes(foreign)
    for detail in ("{}", "{} was there"):
        marts.run("update alerts.outbox set state = 'pending' where alert_id = 1")
        assert dispatch(settings, project, now=NOW).sent == 1
        assert marts.rows("select detail from alerts.attempt order by attempt_id desc limit 1") == [
            (detail.format(f"000001-kestrel-{key[:8]}.eml"),)
        ]
    assert own.read_bytes() == foreign
    assert key.encode() in (outbox / f"000001-kestrel-{key[:8]}.eml").read_bytes()
    assert (outbox / "index.html").read_text(encoding="utf-8").count("<li") == 4


def test_a_folder_without_room_holds_the_messages_back(
    settings: Settings, project: Project, marts: AlertingWarehouse, outbox: Path
) -> None:
    (outbox / "000001-kestrel.eml").unlink()
    pages = outbox / "pages"
    pages.rename(outbox / "elsewhere")
    pages.write_text("not a folder", encoding="utf-8")
    marts.run("update alerts.outbox set state = 'pending' where alert_id = 1")
    assert dispatch(settings, project, now=NOW).retried == 1
    [(reason,)] = marts.rows("select reason from alerts.outbox where alert_id = 1")
    assert "expected room and the right to write" in reason


@pytest.mark.capability("C37")
def test_the_ledger_tells_what_fired_and_what_was_sent(marts: AlertingWarehouse, outbox: Path) -> None:
    rows = marts.rows(
        "select c.customer_id, c.routes, array_agg(e.kind order by e.event_id)"
        ' from alerts."case" as c join alerts.case_event as e using (case_id) group by 1, 2 order by 1, 2'
    )
    assert rows == [
        ("c1", ["account_manager", "finance"], ["opened", "notified", "notified"]),
        ("c2", ["account_manager"], ["opened", "notified"]),
    ]
