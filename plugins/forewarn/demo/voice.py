"""What customers say: answers to the quarterly survey, reviews, and posts in public, in English and Chinese."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from ruamel.yaml import YAML

from forewarn.demo.activity import happenings, present
from forewarn.demo.crm import account_numbers
from forewarn.demo.customers import Customers
from forewarn.demo.hazards import Fates
from forewarn.demo.names import RIVALS
from forewarn.demo.rows import DAY, joined, label, moments, office_hours, optional, pick, versions
from forewarn.demo.world import Block, Flags, Integers

SURVEY_EVERY_DAYS = 91
LANGUAGES = ("en", "zh")
SITES = ("tradepilot", "supplyrate")
CHANNELS = ("forum", "social")


def draw_survey_answers(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw the answers to the quarterly question whether one would recommend us, 0 to 10."""
    random, world = block.random("surveys"), block.world
    days = np.arange(0, world.days, SURVEY_EVERY_DAYS) + (customers.number % SURVEY_EVERY_DAYS)[:, None]
    asked = (days > customers.joined[:, None] + 30) & (days < fates.churned[:, None]) & (days < world.days)
    answers = asked & (random.random(days.shape) < 0.12 + 0.4 * customers.engagement[:, None])
    who, at = np.nonzero(answers)
    day = days[who, at]
    service, price, drift = (fates.of(cause)[who, day] for cause in ("service", "price", "drift"))
    score = random.normal(8.4 - 5 * service - 2.5 * price - 1.5 * drift, 1.3)
    score = np.clip(np.round(score), 0, 10).astype(np.int64)
    answered = moments(world, day, 10 * 3600 + random.integers(0, 8 * 3600, len(who)))
    text = _texts(random, np.where(score >= 7, 0, 1), _language(customers, who))
    return versions(
        {
            "answer_no": joined(label("Q", customers.number[who], 7), "-", label("", at + 1, 3)),
            "account_no": account_numbers(customers.number[who]),
            "survey": pick(["nps"], np.zeros(len(who), int)),
            "score": score,
            "comment": optional(text, random.random(len(who)) < 0.4),
            "answered_at": answered,
        },
        answered,
    )


def draw_reviews(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw reviews; service trouble brings bad ones."""
    random, world = block.random("reviews"), block.world
    service = fates.of("service")
    who, day = happenings(random, (0.0006 + 0.012 * service) * present(customers, fates, world.days))
    stars = np.clip(np.round(random.normal(4.4 - 3.2 * service[who, day], 0.7)), 1, 5).astype(np.int64)
    language = _language(customers, who)
    posted = moments(world, day, office_hours(random, len(who)))
    # The export of the review sites runs at night.
    return versions(
        {
            "review_no": joined(label("V", customers.number[who], 7), "-", label("", _place(who) + 1, 3)),
            "account_no": account_numbers(customers.number[who]),
            "site": pick(SITES, random.integers(0, len(SITES), len(who))),
            "stars": stars,
            "language": pick(LANGUAGES, language),
            "text": _texts(random, np.where(stars >= 4, 0, 1), language),
            "posted_at": posted,
        },
        posted + np.timedelta64(DAY // 2, "s"),
    )


def draw_mentions(block: Block, customers: Customers, fates: Fates) -> pa.Table:
    """Draw public posts; price pressure makes customers talk of competitors, service trouble makes them complain."""
    random, world = block.random("mentions"), block.world
    price, service = fates.of("price"), fates.of("service")
    rate = (0.0004 + 0.010 * price + 0.003 * service) * present(customers, fates, world.days)
    who, day = happenings(random, rate)
    n = len(who)
    rival = random.random(n) < 0.10 + 0.75 * price[who, day]
    annoyed = ~rival & (random.random(n) < 0.1 + 0.8 * service[who, day])
    language = _language(customers, who)
    posted = moments(world, day, random.integers(6 * 3600, 23 * 3600, n))
    return versions(
        {
            "post_no": joined(label("M", customers.number[who], 7), "-", label("", _place(who) + 1, 3)),
            "account_no": optional(account_numbers(customers.number[who]), random.random(n) < 0.8),
            "channel": pick(CHANNELS, random.integers(0, len(CHANNELS), n)),
            "language": pick(LANGUAGES, language),
            "text": _texts(random, np.select([rival, annoyed], [2, 1], 3), language),
            "posted_at": posted,
        },
        posted,
    )


@lru_cache(maxsize=1)
def texts() -> list[list[list[str]]]:
    """Return what is said: by occasion (praise, complaint, rival, chat) and language."""
    content = YAML(typ="safe").load(Path(__file__).with_name("voice.yml").read_text(encoding="utf-8"))
    return [
        [[text.format(rival=name) for text in content[occasion][language] for name in RIVALS] for language in LANGUAGES]
        for occasion in ("praise", "complaint", "rival", "chat")
    ]


def _texts(random: np.random.Generator, occasion: Integers, language: Integers) -> pa.Array:
    lists = [words for by_language in texts() for words in by_language]
    starts = np.cumsum([0, *(len(words) for words in lists)])
    place = occasion * len(LANGUAGES) + language
    chosen = starts[place] + random.integers(0, 1 << 30, len(place)) % np.diff(starts)[place]
    return pick([text for words in lists for text in words], chosen)


def _language(customers: Customers, who: Integers) -> Integers:
    """Return the language that the people of each customer write in: every sixth customer's is Chinese."""
    chinese: Flags = customers.number[who] % 6 == 0
    return chinese.astype(np.int64)


def _place(who: Integers) -> Integers:
    return np.asarray(np.arange(len(who)) - np.searchsorted(who, who))
