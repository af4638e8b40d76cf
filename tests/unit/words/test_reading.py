"""Languages, words and sentiments, at the edges of what customers type."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn.config.words import Words
from forewarn.words.fit import fit
from forewarn.words.language import language_of
from forewarn.words.reader import Reader, fingerprint
from forewarn.words.sentiment import HEAD, TONES, embed, sentiments
from forewarn.words.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The delivery was late.", "en"),
        ("Login fails", "en"),
        ("THANK YOU!!!", "en"),
        ("送货很快，服务态度好。", "zh"),
        ("質量很好，謝謝", "zh"),
        ("TorqueMaster 300 很好用", "zh"),
        ("Die Lieferung kam schon wieder zu spät.", None),
        ("La livraison est encore en retard.", None),
        ("配送がまた遅れました。とても残念です。", None),
        ("배송이 너무 늦어요", None),
        ("😡😡", None),
        ("48812", None),
        ("", None),
    ],
)
def test_english_and_chinese_are_told_from_the_rest(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("Brightline", "We left Brightline.", True),
        ("Brightline", "we left BRIGHTLINE!", True),
        ("Brightline", "brightline's prices", True),
        ("Brightline", "用Brightline的价格", True),
        ("Brightline", "Ｂｒｉｇｈｔｌｉｎｅ 更便宜", True),
        ("Brightline", "Brightliner", False),
        ("Brightline", "a2brightline", False),
        ("Brightline Supply", "Brightline  supply", True),
        ("Brightline Supply", "Brightline-Supply", True),
        ("Brightline Supply", "Brightline\nSupply", True),
        ("Brightline Supply", "Brightline and Supply", False),
        ("恒达", "我们改用恒达供应了", True),
        ("恒达", "永恒。达成", False),
        ("deliver*", "undelivered", False),
        ("deliver*", "Deliveries", True),
        ("R+V", "R+V is cheaper", True),
        ("R+V", "RRV is cheaper", False),
        ("Müller", "bei MÜLLER", True),
        ("Groß", "GROSS", True),
    ],
)
def test_words_are_found_whole_in_any_case_width_and_script(word, text, found):
    assert Vocabulary({"it": [word]}).find(text) == (("it",) if found else ())


def test_groups_come_in_the_order_of_the_configuration_and_once():
    assert Vocabulary({"b": ["two"], "a": ["one", "uno"], "c": ["three"]}).find("one uno two") == ("b", "a")


def test_a_text_is_read_the_same_alone_and_in_company():
    alone = [sentiments([text])[0] for text in ("Great!", "It broke.")]
    assert sentiments(["Great!", "It broke."]) == alone
    assert [one.tone for one in alone] == ["positive", "negative"]
    assert sentiments([]) == []


def test_a_text_beyond_the_limit_is_judged_by_its_beginning_and_searched_to_its_end():
    long = "The delivery was late and the service is awful. " * 40
    (first, second) = Reader(Words(competitors={"Acme": []})).read([long, long + "Acme is great and I love them."])
    assert first.sentiment == second.sentiment
    assert (first.competitors, second.competitors) == ((), ("Acme",))


def test_another_language_is_searched_and_not_judged():
    (reading,) = Reader(Words(competitors={"Acme": []})).read(["Acme est moins cher, nous sommes très déçus."])
    assert (reading.language, reading.sentiment, reading.competitors) == (None, None, ("Acme",))


# The sentence model is C: whatever customers type must neither end the process nor leave the range.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=1200))
def test_any_text_gives_a_finite_vector_and_a_sentiment_in_range(text):
    vector = embed([text])
    assert vector.shape == (1, 384)
    assert np.isfinite(vector).all()
    (felt,) = sentiments([text])
    assert -1 <= felt.score <= 1
    assert felt.tone in TONES


def test_the_classifier_is_what_its_examples_give():
    fitted, kept = fit(), json.loads(HEAD.read_text(encoding="utf-8"))
    for tone in TONES:
        # Another processor may round the sentence model's last bits differently.
        assert fitted["weights"][tone] == pytest.approx(kept["weights"][tone], abs=0.05)
        assert fitted["bias"][tone] == pytest.approx(kept["bias"][tone], abs=0.05)


def test_another_configuration_is_another_fingerprint():
    assert fingerprint(Words()) == fingerprint(Words())
    assert fingerprint(Words()) != fingerprint(Words(competitors={"Acme": []}))
