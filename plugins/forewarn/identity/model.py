"""How alike two accounts are: splink's model, its stated priors, and how much of what it learns is believed.

Fellegi and Sunter's weights: a comparison's level that is `m` times among pairs that are one customer and `u` times
among pairs that are not multiplies the odds by m/u. `u` is measured on random pairs. `m` is learnt by expectation
maximisation, which sees the easy pairs best, those that a shared number or domain finds anyway; so the mean of it and
the prior is taken.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from splink import Linker

SEED = 20260101
RANDOM_PAIRS = 2_000_000
TWINS = 0.1
"""Of how many accounts another one is the same customer, beside those that are linked for certain."""
U_FLOOR, M_FLOOR = 1e-6, 1e-3
EVERYTHING_ELSE = "ELSE"
TRAIN_ON = ("l.tax_id = r.tax_id", "l.domain = r.domain", "l.name = r.name and l.postcode = r.postcode")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Level:
    """One outcome of a comparison.

    Attributes
    ----------
    sql : str
        When it holds, of accounts `l` and `r`.
    words : str
        What it says to a person.
    m, u : float
        Priors: its share among pairs that are one customer, and among pairs that are not.
    frequency : str
        Column whose values' own frequency takes the place of `u`: a rare name says more than a common one.
    identifies : bool
        The value is meant to be one company's alone, so that a stranger shares it with a chance of one in as many as
        there are accounts: `u` is never above that. Random pairs do not tell, for those among them that share it are
        mostly one customer.
    """

    sql: str
    words: str
    m: float
    u: float
    frequency: str = ""
    identifies: bool = False


@dataclass(frozen=True)
class Comparison:
    """What is compared, its levels from the most alike to the least, and when nothing can be said."""

    name: str
    unknown: str
    levels: tuple[Level, ...]


def _numbers(name: str) -> str:
    """Return SQL for the figures of a name."""
    return f"nullif(regexp_replace({name}, '[^0-9]', '', 'g'), '')"


def _shortened(words: str) -> str:
    """Return SQL for a pattern that matches words which begin like these, one by one."""
    return f"replace({words}, ' ', '[a-z0-9]* ') || '[a-z0-9]*'"


COMPARISONS = (
    Comparison(
        "name",
        "l.name is null or r.name is null",
        (
            Level("l.name = r.name", "same name", 0.60, 0.001, frequency="name"),
            Level(
                # Branches, and customers whose names were taken away: Store 12 is not Store 13.
                f"case when left(l.name, 4) = left(r.name, 4) then {_numbers('l.name')} <> {_numbers('r.name')} end",
                "another number in the name",
                0.002,
                0.02,
            ),
            Level(
                "list_sort(string_split(l.words, ' ')) = list_sort(string_split(r.words, ' '))",
                "same words in another order",
                0.03,
                0.0005,
            ),
            Level(
                "length(l.name) >= 5 and length(r.name) >= 5 and damerau_levenshtein(l.name, r.name) <= 1",
                "name but for a letter",
                0.10,
                0.0006,
            ),
            Level(
                # Patterns are dear, and `case` is what keeps them from the pairs that do not begin alike.
                "case when left(l.words, 4) = left(r.words, 4)"
                f" then regexp_full_match(l.words, {_shortened('r.words')})"
                f" or regexp_full_match(r.words, {_shortened('l.words')}) else false end",
                "one name abbreviates the other",
                0.06,
                0.0005,
            ),
            Level(
                "least(length(l.name), length(r.name)) >= 4"
                " and (starts_with(l.name, r.name) or starts_with(r.name, l.name))",
                "one name begins the other",
                0.10,
                0.002,
            ),
            Level("jaro_winkler_similarity(l.name, r.name) >= 0.9", "similar name", 0.08, 0.004),
            Level(EVERYTHING_ELSE, "other name", 0.05, 0.9714),
        ),
    ),
    Comparison(
        "form",
        "l.form is null or r.form is null",
        (
            Level("l.form = r.form", "same kind of legal form", 0.97, 0.50),
            Level(EVERYTHING_ELSE, "another legal form", 0.03, 0.50),
        ),
    ),
    Comparison(
        "tax_id",
        "l.tax_id is null or r.tax_id is null",
        (
            Level("l.tax_id = r.tax_id", "same tax id", 0.93, 1e-5, identifies=True),
            Level("damerau_levenshtein(l.tax_id, r.tax_id) <= 1", "tax id but for a digit", 0.04, 1e-4),
            Level(EVERYTHING_ELSE, "another tax id", 0.03, 0.99989),
        ),
    ),
    Comparison(
        "domain",
        "l.domain is null or r.domain is null",
        (
            Level("l.domain = r.domain", "same e-mail domain", 0.75, 1e-4, identifies=True),
            Level("length(l.label) >= 5 and l.label = r.label", "domain but for its ending", 0.06, 1e-4),
            Level(
                "least(length(l.label), length(r.label)) >= 6"
                " and (starts_with(l.label, r.label) or starts_with(r.label, l.label))"
                # shop3 is not shop36.
                f" and {_numbers('l.label')} is not distinct from {_numbers('r.label')}",
                "one domain begins the other",
                0.05,
                1e-4,
            ),
            Level(EVERYTHING_ELSE, "another e-mail domain", 0.14, 0.9997),
        ),
    ),
    Comparison(
        "phone",
        "len(l.phones) = 0 or len(r.phones) = 0",
        (
            Level("list_has_any(l.phones, r.phones)", "same telephone number", 0.70, 1e-4, identifies=True),
            Level(EVERYTHING_ELSE, "another telephone number", 0.30, 0.9999),
        ),
    ),
    Comparison(
        "people",
        "len(l.emails) = 0 or len(r.emails) = 0",
        (
            Level("list_has_any(l.emails, r.emails)", "same person's e-mail address", 0.50, 1e-5, identifies=True),
            Level(EVERYTHING_ELSE, "other people", 0.50, 0.99999),
        ),
    ),
    Comparison(
        "address",
        "coalesce(l.postcode, l.city) is null or coalesce(r.postcode, r.city) is null",
        (
            Level(
                # A street without a number is that of many.
                "l.street = r.street and regexp_matches(l.street, '[0-9]')"
                " and (l.postcode = r.postcode or l.city = r.city)",
                "same address",
                0.60,
                2e-4,
                identifies=True,
            ),
            Level(
                "damerau_levenshtein(l.street, r.street) <= 2 and regexp_matches(l.street, '[0-9]')"
                " and l.postcode = r.postcode",
                "address but for a letter",
                0.08,
                5e-4,
            ),
            Level("l.postcode = r.postcode", "same postcode", 0.10, 0.004),
            Level("l.city = r.city", "same city", 0.12, 0.05),
            Level(EVERYTHING_ELSE, "another city", 0.10, 0.9453),
        ),
    ),
    Comparison(
        "country",
        "l.country is null or r.country is null",
        (
            Level("l.country = r.country", "same country", 0.98, 0.5),
            Level(EVERYTHING_ELSE, "another country", 0.02, 0.5),
        ),
    ),
)


def stated(accounts: int) -> dict[str, Any]:
    """Return splink's settings for so many accounts, with nothing learnt."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "number",
        # No more than one in ten, or two accounts alone would be one customer before they are compared.
        "probability_two_random_records_match": min(0.1, 2 * TWINS / max(accounts, 1)),
        "comparisons": [
            {
                "output_column_name": comparison.name,
                "comparison_levels": [
                    {"sql_condition": _sided(comparison.unknown), "label_for_charts": "unknown", "is_null_level": True},
                    *(_level(level, accounts) for level in comparison.levels),
                ],
            }
            for comparison in COMPARISONS
        ],
        "blocking_rules_to_generate_predictions": [],
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": False,
    }


def learn(connection: DuckDBPyConnection, accounts: int) -> tuple[dict[str, Any], str]:
    """Return settings that have learnt from the table `record`, and in words what they rest on.

    Whatever cannot be learnt stays at its prior: a comparison that no account has values for, or one on which
    expectation maximisation does not settle.
    """
    from splink.internals.exceptions import EMTrainingException, SplinkException

    settings = stated(accounts)
    linker = _linker(connection, settings)
    learnt = 0
    try:
        linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=SEED)
        for rule in TRAIN_ON:
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    rule, estimate_without_term_frequencies=True
                )
                learnt += 1
            except EMTrainingException as reason:
                _log.info("Nothing to learn where %s: %s", rule, " ".join(str(reason).split())[:200])
        trained = linker.misc.save_model_to_json()
    except SplinkException as reason:
        # Worse figures are no reason to stop a night: the priors are sensible, and the report says which were used.
        return settings, f"stated priors; learning failed: {' '.join(str(reason).split())[:200]}"
    # What is missing from the answer was never seen.
    found = {
        (comparison["output_column_name"], level["label_for_charts"]): level
        for comparison in trained["comparisons"]
        for level in comparison["comparison_levels"]
    }
    for comparison, told in zip(COMPARISONS, settings["comparisons"], strict=True):
        for level, prior in zip(comparison.levels, told["comparison_levels"][1:], strict=True):
            prior.update(_believed(level, prior, found.get((comparison.name, level.words), {})))
    return settings, f"learnt from {accounts} accounts, {learnt} of {len(TRAIN_ON)} ways"


def score(
    connection: DuckDBPyConnection, settings: dict[str, Any], *, least: float
) -> Iterator[tuple[int, int, float, str]]:
    """Compare the `pair`s of the table `record`; yield both numbers, the probability and what it rests on.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Has `record`, `pair` (lower, higher) and `frequency` (name, tf_name).
    least : float
        Pairs below this probability are left out.
    """
    linker = _linker(connection, settings)
    database = linker._db_api
    linker.table_management.register_term_frequency_lookup(database.register("frequency"), "name")
    linker.table_management.register_blocked_pairs_for_predict(database.register("blocked"))
    found = linker.inference.predict(threshold_match_probability=least, warning_mode="never")
    gammas = ", ".join(f"gamma_{comparison.name}" for comparison in COMPARISONS)
    rows = connection.execute(
        f"select least(number_l, number_r), greatest(number_l, number_r), match_probability, {gammas}"
        f" from {found.physical_name} order by 1, 2"
    )
    while batch := rows.fetchmany(10_000):
        for lower, higher, probability, *outcome in batch:
            yield lower, higher, round(probability, 6), _words(outcome)


def _words(outcome: list[int]) -> str:
    """Return in words what two accounts share and in what they differ; splink counts levels from the last, at 0."""
    said = [
        (len(comparison.levels) - 1 - gamma, comparison.levels[len(comparison.levels) - 1 - gamma].words)
        for comparison, gamma in zip(COMPARISONS, outcome, strict=True)
        if gamma >= 0
    ]
    return ", ".join(words for _, words in sorted(said, key=lambda one: one[0] > 0))


def _linker(connection: DuckDBPyConnection, settings: dict[str, Any]) -> Linker:
    from splink import DuckDBAPI, Linker

    database = DuckDBAPI(connection=connection)
    return Linker(database.register("record"), settings, log_level=logging.ERROR)


def _level(one: Level, accounts: int) -> dict[str, Any]:
    frequency = {"tf_adjustment_column": one.frequency} if one.frequency else {}
    return {
        "sql_condition": _sided(one.sql),
        "label_for_charts": one.words,
        "m_probability": one.m,
        "u_probability": min(one.u, 1 / max(accounts, 1)) if one.identifies else one.u,
    } | frequency


def _believed(level: Level, prior: dict[str, Any], found: dict[str, Any]) -> dict[str, float]:
    m, u = found.get("m_probability"), found.get("u_probability")
    chance = prior["u_probability"] if level.identifies or u is None else max(u, U_FLOOR)
    return {
        # Rounded, so that the order in which threads add up never shows.
        "m_probability": round(max((level.m + (level.m if m is None else m)) / 2, M_FLOOR), 6),
        "u_probability": round(chance, 9),
    }


def _sided(condition: str) -> str:
    """Return a condition about `l.x` and `r.x` as splink names them."""
    return re.sub(r"\b([lr])\.(\w+)", r"\2_\1", condition)
