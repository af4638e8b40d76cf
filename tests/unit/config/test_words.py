"""`words.yml`: what cannot be meant is refused with its place."""

from pathlib import Path

import pytest

from forewarn.config.words import STANDARD, Words, load_words
from forewarn.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[3]


def write(folder: Path, text: str) -> Path:
    file = folder / "words.yml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("file", [STANDARD, PROJECT / "config" / "words.yml"])
def test_the_shipped_files_are_sound(file):
    assert "discount" in load_words(file).topics


def test_without_topics_the_standard_ones_hold(tmp_path):
    assert load_words(write(tmp_path, "competitors: {Acme: []}")).topics == load_words(STANDARD).topics
    assert load_words(write(tmp_path, "topics: {food: [soup]}")) == Words(topics={"food": ["soup"]})


def test_a_competitor_is_found_by_its_own_name_too(tmp_path):
    words = load_words(write(tmp_path, "competitors: {Acme: [Akme, 阿克美]}"))
    assert words.spellings() == {"Acme": ["Acme", "Akme", "阿克美"]}


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("rivals: {}", "1:1", "unknown key `rivals`"),
        ("topics:\n  Price List: [price]", "2:3", "Price List"),
        ("topics:\n  price: []", "2:3", "`price` has no words"),
        ("topics:\n  price: [cost, 价]", "2:17", "`价` is too short"),
        ("topics:\n  price: [ok, '*']", "2:15", "too short"),
        ("topics:\n  price: [pri*ce]", "2:11", r"`\*` inside of `pri\*ce`"),
        ("competitors:\n  A: []", "2:3", "`A` is too short"),
        ("competitors:\n  Acme: []\n  Apex: [ＡＣＭＥ]", "3:3", "`ＡＣＭＥ` stands for `Acme` too"),
        ("competitors:\n  Acme: nothing", "2:3", "valid list"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, text, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        load_words(write(tmp_path, text))
    assert f"words.yml:{place}" in str(caught.value)


def test_what_the_models_need_to_know():
    assert Words().variable() == {"competitors": False, "discount": False}
    assert Words(competitors={"Acme": []}, topics={"discount": ["rebate"]}).variable() == {
        "competitors": True,
        "discount": True,
    }
