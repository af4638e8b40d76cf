"""Signed links: what was altered in any way, is of another purpose or another key, or is over, is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forewarn.alerts.answer_links import PURPOSES, SENT, Link, LinkBook, LinkRefused, Signer, keys_in
from forewarn.errors import Permanent

NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)
OLD, NEW = "an-old-key-that-is-long-enough-for-us", "a-new-key-that-is-long-enough-for-us"
SIGNER = Signer([OLD])
LINK = Link("saved", 17, 3, NOW + timedelta(days=30))
TOKEN = SIGNER.token(LINK)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_reads_as_what_was_signed_and_for_its_purpose_alone(purpose: str) -> None:
    link = Link(purpose, 17, 3, LINK.expires_at, event_id=9)  # type: ignore[arg-type]
    token = SIGNER.token(link)
    assert SIGNER.read(link.purpose, token, now=NOW) == link
    assert SIGNER.token(link) == token, "a repeated message is the same"
    for other in PURPOSES:
        if other != purpose:
            with pytest.raises(LinkRefused, match="forged"):
                SIGNER.read(other, token, now=NOW)


@pytest.mark.capability("B12")
def test_63_every_one_of_its_characters_counts() -> None:
    altered = [
        TOKEN[:at] + new + TOKEN[at + cut :]
        for at in range(len(TOKEN) + 1)
        for cut in (0, 1)
        for new in (*ALPHABET, "", "=", "%", " ", "\n", "é", "\0")
    ]
    altered = [token for token in altered if token != TOKEN]
    assert len(altered) > 9000
    for token in altered:
        with pytest.raises(LinkRefused, match="forged"):
            SIGNER.read("saved", token, now=NOW)


@given(st.text(max_size=200) | st.text(alphabet=ALPHABET, max_size=100))
@example("." * 100)
@example(TOKEN + TOKEN)
def test_63_whatever_else_is_refused_and_nothing_breaks(token: str) -> None:
    if token != TOKEN:
        with pytest.raises(LinkRefused, match="forged"):
            SIGNER.read("saved", token, now=NOW)


def test_64_a_link_ends_at_its_second() -> None:
    assert SIGNER.read("saved", TOKEN, now=LINK.expires_at - timedelta(seconds=1)) == LINK
    with pytest.raises(LinkRefused, match="expired"):
        SIGNER.read("saved", TOKEN, now=LINK.expires_at)


def test_84_a_new_key_signs_and_the_old_ones_are_still_known() -> None:
    rotated = Signer([NEW, OLD])
    assert rotated.read("saved", TOKEN, now=NOW) == LINK
    fresh = rotated.token(LINK)
    assert fresh == Signer([NEW]).token(LINK) != TOKEN
    with pytest.raises(LinkRefused, match="forged"):
        SIGNER.read("saved", fresh, now=NOW)


@pytest.mark.parametrize("keys", [[], ["short"], [OLD, "short"], [OLD, ""]])
def test_80_a_key_that_could_be_guessed_is_refused_and_not_shown(keys: list[str]) -> None:
    with pytest.raises(Permanent, match="rotate-link-key") as refused:
        Signer(keys)
    assert OLD not in str(refused.value)


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        (f"{NEW} {OLD}", [NEW, OLD]),
        (f"{NEW},\n{OLD}\n", [NEW, OLD]),
        (f"generic://:{NEW}%2C{OLD}@", [NEW, OLD]),
        (f"generic://:{NEW}%20{OLD}@/", [NEW, OLD]),
        ("https://example.org/", []),
        ("", []),
    ],
)
def test_keys_come_as_text_or_as_airflow_writes_a_connection(secret: str, keys: list[str]) -> None:
    assert keys_in(secret) == keys


def test_a_message_carries_addresses_without_a_person_in_them() -> None:
    book = LinkBook("https://forewarn.example", SIGNER, timedelta(days=30))
    links = book.of_message(17, 3, NOW)
    assert tuple(links) == SENT
    assert links["saved"] == f"https://forewarn.example/cases/3/saved/{TOKEN}"
    assert links["fewer_mails"].startswith("https://forewarn.example/mail/fewer_mails/")
    assert max(map(len, links.values())) < 130, "a line of a mail's text has room for it, unbroken"
