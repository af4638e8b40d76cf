"""The key of links: made once for its owner alone, rotated, and never shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forewarn.alerts.answer_links import KEYS, Link, LinkRefused, Signer, keys_in
from forewarn.cli import app
from forewarn.config.connections import FILE, known_connections, name_connection
from forewarn.errors import Permanent
from forewarn.local.link_key import KEPT, ensure_link_key, rotate

NOW = datetime(2026, 11, 16, tzinfo=UTC)
LINK = Link("saved", 1, 1, datetime(2026, 12, 16, tzinfo=UTC))


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOREWARN_CONN_LINK_KEYS", "FOREWARN_CONN_LINK_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)


def keys(home: Path) -> list[str]:
    return keys_in(known_connections(home)[KEYS])


def test_it_is_made_once_beside_the_other_connections(tmp_path: Path) -> None:
    name_connection(tmp_path, "smtp", "smtp://mail")
    ensure_link_key(tmp_path)
    made = keys(tmp_path)
    ensure_link_key(tmp_path)
    assert keys(tmp_path) == made
    Signer(made)
    assert known_connections(tmp_path)["smtp"] == "smtp://mail"
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.capability("B12")
def test_84_links_outlive_a_rotation_and_not_a_revocation(tmp_path: Path) -> None:
    ensure_link_key(tmp_path)
    token = Signer(keys(tmp_path)).token(LINK)
    assert rotate(tmp_path, dry_run=True) == 1
    assert len(keys(tmp_path)) == 1
    assert rotate(tmp_path) == 1
    assert Signer(keys(tmp_path)).read("saved", token, now=NOW) == LINK
    assert Signer(keys(tmp_path)).token(LINK) != token
    for _ in range(KEPT):
        rotate(tmp_path)
    assert len(set(keys(tmp_path))) == KEPT
    fresh = Signer(keys(tmp_path)).token(LINK)
    assert rotate(tmp_path, revoke=True) == 0
    with pytest.raises(LinkRefused, match="forged"):
        Signer(keys(tmp_path)).read("saved", fresh, now=NOW)


def test_keys_of_the_environment_are_neither_made_nor_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREWARN_CONN_LINK_KEYS_FILE", "/run/secrets/link_keys")
    ensure_link_key(tmp_path)
    assert known_connections(tmp_path) == {}
    with pytest.raises(Permanent, match="FOREWARN_CONN_LINK_KEYS_FILE in the environment"):
        rotate(tmp_path)


def test_80_the_command_shows_no_key(tmp_path: Path) -> None:
    said = [
        CliRunner().invoke(app, ["access", "rotate-link-key", *options], env={"FOREWARN_HOME": str(tmp_path)}).output
        for options in (["--dry-run"], [], [], ["--revoke"])
    ]
    assert [line.splitlines()[0] for line in said] == [
        "A new key would sign, 0 former ones are still known.",
        "A new key signs, 0 former ones are still known.",
        "A new key signs, 1 former one is still known.",
        "A new key signs, 0 former ones are still known.",
    ]
    assert not any(key in line for key in keys(tmp_path) for line in said)
