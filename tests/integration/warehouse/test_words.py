"""What customers write, from the staging layer into churn_features, by hand on both sides of each boundary day of D."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.integration.warehouse.company import Company

from forewarn.config.words import Words
from forewarn.words import read_new_texts

D = "2024-07-01"
NOW = datetime(2024, 7, 1, 5, tzinfo=UTC)
WORDS = Words(
    competitors={"Nordhaus Trading": ["Nordhaus"], "恒达供应": ["恒达"]},
    topics={
        "delivery": ["deliver*", "late", "送货"],
        "quality": ["quality", "broken", "质量"],
        "discount": ["discount*", "折扣"],
    },
)
BAD = "Terrible, the delivery was late again and nobody apologised."
BROKEN = "Everything arrived broken, the quality is a disgrace."
GOOD = "Excellent service, we are very happy, thank you!"
PLAIN = "Please send us the list of your branches."
FEATURES = (
    "text_sentiment_90d",
    "text_sentiment_change",
    "negative_texts_90d",
    "negative_posts_90d",
    "complaint_topics_90d",
    "competitor_mentions_90d",
    "discount_requests_90d",
    "discount_requests_prior_90d",
)


def post(number: str, who: str | None, day: str, text: str | None, known: str | None = None) -> tuple[object, ...]:
    return number, who, f"{day}T12:00Z", text, known and f"{known}T12:00Z"


@pytest.fixture(scope="module")
def market(new_company: Callable[[], Company]) -> Company:
    """Customers who write: `a` a lot, `b` nothing, `c` in French alone, `d` in Chinese."""
    company = new_company()
    company.land("erp", "account", "account_id name created_at", [(who, who, "2023-01-01T00:00Z") for who in "abcde"])
    company.land(
        "voice",
        "mention",
        "mention_id account_id posted_at body known_at",
        [
            post("bad", "a", "2024-06-30", BAD),
            post("broken on the first day", "a", "2024-04-02", BROKEN),
            post("too old", "a", "2024-04-01", BAD),
            post("told on D", "a", "2024-06-30", BROKEN, "2024-07-01"),
            post("on D", "a", "2024-07-01", BAD),
            post("rival", "a", "2024-06-01", "NORDHAUS　ｔｒａｄｉｎｇ sells that too."),
            post("no rival", "a", "2024-06-01", "We drove to Nordhausen by train."),
            post("praise", "a", "2023-04-03", GOOD),
            post("before the baseline", "a", "2023-04-02", BAD),
            post("asks", "a", "2024-06-30", "Which discount do you give above 100 pieces?"),
            post("asked", "a", "2024-04-01", "Is there a discount for early payment?"),
            post("asked first", "a", "2024-01-03", "Do you give discounts to schools?"),
            post("asked before", "a", "2024-01-02", "Do you give discounts to schools?"),
            post("nobody's", None, "2024-06-30", BAD),
            post("empty", "b", "2024-06-30", "  "),
            post("nothing", "b", "2024-06-30", None),
            post("french", "c", "2024-06-30", "La livraison est encore en retard, Nordhaus fait mieux."),
            post("chinese", "d", "2024-06-30", "恒达供应的质量更好，你们的服务太差了，非常失望。"),
        ],
        account_source="erp",
    )
    company.land(
        "desk",
        "ticket",
        "ticket_id account_id opened_at subject",
        [("1", "e", "2024-06-30T12:00Z", BAD)],
        account_source="erp",
    )
    company.build(D, select="staging")
    company.read = read_new_texts(company.settings, WORDS, now=NOW)  # type: ignore[attr-defined]
    company.build(D)
    return company


def _expect(company: Company, account: str, **expected: object) -> None:
    row = company.features(account, D)
    assert {name: row[name] for name in expected} == expected


def _sentiment(company: Company, record: str) -> float:
    (row,) = company.rows("select sentiment from words.reading where record_id = %s", record)
    return float(row["sentiment"])


@pytest.mark.capability("C6")
def test_negative_texts_and_what_they_complain_of_are_counted_within_the_window(market):
    _expect(market, "a", negative_texts_90d=2, negative_posts_90d=2, complaint_topics_90d=2)


@pytest.mark.capability("C6")
def test_the_sentiment_is_held_against_the_customers_own_year(market):
    now = [_sentiment(market, text) for text in ("bad", "broken on the first day", "rival", "no rival", "asks")]
    before = [_sentiment(market, text) for text in ("too old", "praise", "asked", "asked first", "asked before")]
    mean = sum(now) / len(now)
    _expect(
        market,
        "a",
        text_sentiment_90d=pytest.approx(mean),
        text_sentiment_change=pytest.approx(mean - sum(before) / len(before)),
    )


@pytest.mark.capability("C19")
def test_a_competitor_is_found_in_any_spelling_and_language_and_not_inside_a_word(market):
    _expect(market, "a", competitor_mentions_90d=1)
    _expect(market, "c", competitor_mentions_90d=1)
    _expect(market, "d", competitor_mentions_90d=1)


@pytest.mark.capability("C13")
def test_requests_for_a_discount_are_held_against_the_window_before(market):
    _expect(market, "a", discount_requests_90d=1, discount_requests_prior_90d=2)


@pytest.mark.capability("C6", "B6")
def test_who_wrote_nothing_has_none_and_who_wrote_another_language_is_unknown(market):
    _expect(
        market,
        "b",
        text_sentiment_90d=None,
        text_sentiment_change=None,
        negative_texts_90d=0,
        complaint_topics_90d=0,
        competitor_mentions_90d=0,
        discount_requests_90d=0,
    )
    _expect(
        market,
        "c",
        text_sentiment_90d=None,
        negative_texts_90d=None,
        negative_posts_90d=None,
        complaint_topics_90d=None,
    )


@pytest.mark.capability("C6")
def test_chinese_is_read_too(market):
    _expect(market, "d", negative_texts_90d=1, complaint_topics_90d=1)
    assert market.features("d", D)["text_sentiment_90d"] < -0.3


def test_a_ticket_is_read_by_its_first_line(market):
    _expect(market, "e", negative_texts_90d=1, negative_posts_90d=0, complaint_topics_90d=1)


def test_blank_texts_are_none_and_counts_say_what_was_read(market):
    assert (market.read.texts, market.read.unknown) == (17, 1)
    assert market.rows("select count(*) as n from words.reading where record_id in ('empty', 'nothing')") == [{"n": 0}]


def test_no_text_is_copied(market):
    columns = market.rows(
        "select column_name, data_type from information_schema.columns where table_schema = 'words' order by 1"
    )
    assert {column["column_name"] for column in columns if column["data_type"] == "text"} == {
        *("entity", "source", "record_id", "text_hash", "language", "tone", "read_with", "kind", "name")
    }


@pytest.mark.capability("B6")
def test_without_texts_every_feature_of_them_is_unknown(company):
    company.land("erp", "order", "order_id account_id ordered_at amount", [("1", "a", "2024-06-01T00:00Z", 5)])
    company.land(
        "voice",
        "review",
        "review_id account_id posted_at rating",
        [("1", "a", "2024-06-01T00:00Z", 5)],
        account_source="erp",
    )
    company.build(D)
    _expect(company, "a", **dict.fromkeys(FEATURES))


@pytest.mark.capability("B6")
def test_what_nobody_has_read_or_looked_for_is_unknown_and_not_zero(company):
    company.land("desk", "account", "account_id name", [("a", "A")])
    company.land("desk", "ticket", "ticket_id account_id opened_at subject", [("1", "a", "2024-06-01T00:00Z", BAD)])
    company.build(D)
    _expect(company, "a", **dict.fromkeys(name for name in FEATURES if name != "discount_requests_prior_90d"))
    read_new_texts(company.settings, Words(topics={"delivery": ["late"]}), now=NOW)
    company.build(D, definitions={"words": {"competitors": False, "discount": False, "read_with": "x"}})
    _expect(company, "a", negative_texts_90d=1, competitor_mentions_90d=None, discount_requests_90d=None)


def _readings(company: Company) -> dict[str, tuple[str, datetime]]:
    rows = company.rows("select record_id, text_hash, read_at from words.reading")
    return {row["record_id"]: (row["text_hash"], row["read_at"]) for row in rows}


def test_a_night_reads_what_is_new_or_changed_and_a_changed_configuration_everything(company):
    columns = "review_id account_id posted_at body"
    reviews = [(str(number), "a", "2024-06-01T00:00Z", f"Order {number} was late.") for number in range(5)]
    company.land("voice", "review", columns, reviews)
    company.build(D, select="staging")
    assert read_new_texts(company.settings, WORDS, now=NOW).texts == 5
    assert read_new_texts(company.settings, WORDS, now=NOW).texts == 0

    later = datetime(2024, 7, 2, 5, tzinfo=UTC)
    company.land(
        "voice",
        "review",
        columns,
        [reviews[0], ("1", "a", "2024-06-01T00:00Z", GOOD), ("5", "a", "2024-06-30T00:00Z", BAD)],
    )
    assert read_new_texts(company.settings, WORDS, now=later).texts == 2
    assert {record for record, (_, at) in _readings(company).items() if at == later} == {"1", "5"}
    assert company.rows("select name from words.subject where record_id = '1'") == []

    other = WORDS.model_copy(update={"competitors": {"Order": []}})
    assert read_new_texts(company.settings, other, now=later).texts == 6
    assert company.rows("select count(*) as n from words.subject where kind = 'competitor'") == [{"n": 4}]


def test_a_reading_that_died_goes_on_where_it_ended(company, monkeypatch):
    columns = "review_id account_id posted_at body"
    company.land("voice", "review", columns, [(str(n), "a", "2024-06-01T00:00Z", f"Text {n}") for n in range(7)])
    company.build(D, select="staging")
    monkeypatch.setattr("forewarn.words.store.AT_ONCE", 3)
    from forewarn.words.reader import Reader

    read, calls = Reader.read, []

    def dies(self, texts):
        calls.append(len(texts))
        if len(calls) == 2:
            raise ConnectionResetError("pulled the plug")
        return read(self, texts)

    monkeypatch.setattr(Reader, "read", dies)
    with pytest.raises(ConnectionResetError, match="pulled the plug"):
        read_new_texts(company.settings, WORDS, now=NOW)
    monkeypatch.setattr(Reader, "read", read)
    assert len(_readings(company)) == 3
    assert read_new_texts(company.settings, WORDS, now=NOW).texts == 4
    assert sorted(_readings(company)) == [str(n) for n in range(7)]
