"""`forewarn doctor`: each limit from both sides, and remedies that can be typed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from forewarn.alerts import smtp_channel
from forewarn.cli import app
from forewarn.errors import ForewarnError
from forewarn.local import checkup
from forewarn.sources import Source
from forewarn.sources.loader import load_source

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
ERP = """
kind: sql
connection: erp
streams:
  orders:
    table: orders
    freshness: {warn_after: 36 hours, error_after: 72 hours}
  prices:
    table: prices
"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Source]:
    file = tmp_path / "erp.yml"
    file.write_text(ERP)
    return {"erp": load_source(file)}


@pytest.mark.parametrize(("age", "late"), [(36, False), (36.1, True), (72, True)])
def test_a_late_stream_is_named_and_no_failure(sources: dict[str, Source], age: float, late: bool) -> None:
    found = checkup.freshness(sources, {("erp", "orders"): NOW - timedelta(hours=age)}, NOW)
    assert ("late: erp.orders landed 2026-0" in found) is late


def test_a_stream_over_its_limit_is_a_failure(sources: dict[str, Source]) -> None:
    landed = {("erp", "orders"): NOW - timedelta(hours=72, seconds=1), ("erp", "prices"): NOW - timedelta(days=90)}
    with pytest.raises(ForewarnError, match=r"got erp\.orders landed 2026-02-27 05:59 \(error_after 72 hours\)$"):
        checkup.freshness(sources, landed, NOW)


def test_a_stream_that_never_landed_is_a_failure_where_it_has_a_limit(sources: dict[str, Source]) -> None:
    with pytest.raises(ForewarnError, match=r"got erp\.orders never landed"):
        checkup.freshness(sources, {("erp", "prices"): NOW}, NOW)


def test_a_server_must_be_new_enough() -> None:
    assert checkup.server(180004) == "18.4"
    with pytest.raises(ForewarnError, match=r"expected PostgreSQL 18 or newer, got 17\.9"):
        checkup.server(170009)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("smtp://mail", ("mail", 587)),
        ("smtps://user:word@mail", ("mail", 465)),
        ("smtp://mail:1025", ("mail", 1025)),
    ],
)
def test_a_mail_server_is_looked_for_at_the_port_of_its_scheme(
    monkeypatch: pytest.MonkeyPatch, url: str, address: tuple[str, int]
) -> None:
    asked: list[tuple[str, int]] = []

    def refuse(host: str, port: int, **_: Any) -> None:
        asked.append((host, port))
        raise OSError("nobody there")

    monkeypatch.setattr(smtp_channel.smtplib, "SMTP", refuse)
    monkeypatch.setattr(smtp_channel.smtplib, "SMTP_SSL", refuse)
    with pytest.raises(ForewarnError, match="nobody there"):
        smtp_channel.try_connection(lambda: url)
    assert asked == [address]


@pytest.mark.parametrize("url", ["smtp://robot:hun/ter@mail", "smtp://mail:port", "smtp://[mail"])
def test_a_mail_url_that_cannot_be_read_is_an_error_without_the_password(url: str) -> None:
    with pytest.raises(ForewarnError, match="got a URL that cannot be read") as caught:
        smtp_channel.try_connection(lambda: url)
    assert "hun" not in str(caught.value)


def test_packages_are_compared_with_what_is_required() -> None:
    def installed(name: str) -> str:
        if name == "shap":
            raise PackageNotFoundError(name)
        return {"dbt-core": "1.12.0", "mlflow": "3.17.2"}[name]

    sound = checkup.packages(["mlflow[auth]==3.17.2", "numba>=1; python_version < '3'"], installed)
    assert (sound.ok, sound.found) == (True, "mlflow 3.17.2")
    wrong = checkup.packages(["mlflow==3.17.2", "dbt-core>=1.11.16,<1.12", "shap"], installed)
    assert not wrong.ok
    assert re.fullmatch(r"dbt-core 1\.12\.0, required is \S+; shap is missing", wrong.found)


def test_this_environment_is_as_required() -> None:
    found = checkup.packages(checkup._requirements())
    assert found.ok, found.found


def test_every_remedy_is_one_command_that_exists() -> None:
    text = Path(checkup.__file__).read_text(encoding="utf-8")
    remedies = re.findall(r'"((?:forewarn|make|uv|export) [^"]+)"', text)
    assert len(remedies) >= 10
    makefile = (checkup._PROJECT / "Makefile").read_text(encoding="utf-8")
    for remedy in remedies:
        assert not re.search(r"&&|;|\||#", remedy), remedy
        program, *words = remedy.split()
        if program == "make":
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), remedy
        elif program == "forewarn":
            command: Any = get_command(app)
            for word in words:
                if word.startswith("--"):
                    assert word in {option for parameter in command.params for option in parameter.opts}, remedy
                elif hasattr(command, "commands"):
                    command = command.commands[word]
