"""Names in one spelling: what is one company elsewhere is one here, and nothing else becomes so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.identity.names import Name, name, plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller Bau GmbH", "MUELLER BAU G.m.b.H."),
        ("Müller Bau GmbH", "Muller Bau Gesellschaft mit beschränkter Haftung"),
        ("Acme Co., Ltd.", "acme co.ltd"),
        ("Acme Ltd", "ＡＣＭＥ　Ｌｔｄ．"),
        ("Société Générale S.A.", "SOCIETE GENERALE S. A."),
        ("华为技术有限公司", "Huawei Technology Co., Ltd."),
        ("恒达贸易有限公司", "Hengda Trading Ltd"),
        ("株式会社東芝", "東芝(株)"),
        ("㈱東芝", "東芝株式会社"),
        ("Alder & Sons", "Alder and Sons"),
        ("Bäckerei Öz KG", "Baeckerei Oez Kommanditgesellschaft"),
        ("Alder-Berg AG", "Alder Berg Aktiengesellschaft"),
    ],
)
def test_two_spellings_of_one_company_are_alike(one: str, other: str) -> None:
    assert name(one) == name(other)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Acme GmbH", "limited"),
        ("Acme AG", "joint stock"),
        ("Acme GmbH & Co. KG", "partnership"),
        ("阿里巴巴集团股份有限公司", "joint stock"),
        ("华为技术有限公司", "limited"),
        ("Acme", ""),
    ],
)
def test_the_kind_of_the_legal_form_is_kept(text: str, form: str) -> None:
    assert name(text).form == form


@pytest.mark.parametrize(("one", "other"), [("Alder GmbH", "Alder Nord GmbH"), ("华为有限公司", "华威有限公司2")])
def test_other_words_stay_other_names(one: str, other: str) -> None:
    assert name(one).key != name(other).key


@pytest.mark.parametrize("text", [None, "", "  ", "…"])
def test_nothing_stays_nothing(text: str | None) -> None:
    assert name(text) == Name("", "", "")


def test_a_name_that_is_nothing_but_a_legal_form_keeps_it() -> None:
    assert name("GmbH").key == "gmbh"


@given(st.text(max_size=60))
def test_a_name_in_one_spelling_is_plain_and_spelled_again_stays(text: str) -> None:
    first = name(text)
    assert first.key == first.words.replace(" ", "")
    assert plain(first.key) == first.key or not first.key.isascii()


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30))
def test_full_width_and_case_change_nothing(text: str) -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in text)
    assert name(wide) == name(text)
    assert name(text.upper()) == name(text.lower())
