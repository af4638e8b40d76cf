"""Hold batches to expectations of Great Expectations, in one process and one connection for all of them.

What holds beyond doubt is not asked again. The rest is asked for a yes or no first, which lets Great Expectations fold
most expectations on a table into one query. Counts are fetched for what failed only, and never a value of a row:
results are shown, sent and kept.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from forewarn.config.yaml import did_you_mean
from forewarn.quality.batches import Batch, Bound
from forewarn.quality.outcome import Outcome, could_not

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

# Fields of every expectation that our own keys fill, or that a gate has no use for.
_OURS = frozenset({"id", "meta", "notes", "rendered_content", "severity", "batch_id", "windows", "catch_exceptions"})


def validate(url: str, wanted: Sequence[Batch], held: Sequence[Collection[str]]) -> Iterator[list[Outcome]]:
    """Yield, for each batch, what came of its expectations of Great Expectations.

    Batches without any cost nothing; where no batch has one the library is not even imported.

    Parameters
    ----------
    held
        For each batch the names of the expectations that hold beyond doubt, as `first_pass.beyond_doubt` finds them.

    Raises
    ------
    ConfigError
        A suite names an expectation or an argument that Great Expectations does not have; with the place in its file.
    """
    if not any(_theirs(batch) for batch in wanted):
        yield from ([] for _ in wanted)
        return
    _quiet()
    with ExitStack() as closing:
        # Made for the first batch that needs it: most nights have none.
        warehouse = cache(lambda: closing.enter_context(_warehouse(url)))
        for number, (batch, sure) in enumerate(zip(wanted, held, strict=True)):
            bound = _theirs(batch)
            if not bound or batch.rows is None:
                yield []
                continue
            expected = {one.name: build(one) for one in bound}
            results: dict[str, ExpectationValidationResult] = {}
            if doubtful := {name: one for name, one in expected.items() if name not in sure}:
                rows = warehouse()(f"{number}:{batch.table}", batch.rows)
                results = _ask(rows, doubtful, "BOOLEAN_ONLY")
                failed = {name: expected[name] for name, result in results.items() if not result.success}
                results |= _ask(rows, failed, "BASIC") if failed else {}
            yield [_read(batch, one, expected[one.name], results.get(one.name)) for one in bound]


@contextmanager
def _warehouse(url: str) -> Iterator[Callable[[str, str], Any]]:
    """Open the warehouse for Great Expectations; gives what makes a batch of it from a name and a query."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    warehouse = context.data_sources.add_postgres("warehouse", connection_string=url)
    columns_only: set[str] = set()
    event.listen(warehouse.get_execution_engine().engine, "before_cursor_execute", _peek(columns_only), retval=True)

    def rows(name: str, query: str) -> Any:
        columns_only.add(query)
        return warehouse.add_query_asset(name, query=query).add_batch_definition_whole_table("rows").get_batch()

    try:
        yield rows
    finally:
        # Great Expectations keeps two engines to one warehouse, each with connections of its own.
        warehouse.get_execution_engine().close()
        warehouse.get_engine().dispose()


def _theirs(batch: Batch) -> list[Bound]:
    return [bound for bound in batch.expectations if bound.expectation.type is not None]


def _quiet() -> None:
    """Keep Great Expectations from reporting home, and from writing two hundred lines while it is imported."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations.data_context.types.base as talkative

    # It gives itself a level of its own.
    talkative.logger.setLevel(logging.ERROR)


def _peek(queries: set[str]) -> Callable[..., tuple[str, Any]]:
    """Return a listener that answers the bare query of a batch without its rows.

    Great Expectations runs it only to see the columns, and its driver would fetch every row for that.
    """

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        bare = statement.strip() in queries
        return f"select * from ({statement}) as batch limit 0" if bare else statement, parameters

    return listen


def build(bound: Bound) -> Any:
    """Return Great Expectations' object for an expectation.

    Raises
    ------
    ConfigError
        As `validate`.
    """
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    document, place, wanted = bound.suite.document, bound.place, bound.expectation
    try:
        kind = get_expectation_impl(str(wanted.type))
    except ExpectationNotFoundError as error:
        known = list_registered_expectation_implementations()
        raise document.error(
            (*place, "type"), f"there is no expectation `{wanted.type}`", did_you_mean(str(wanted.type), known)
        ) from error
    arguments = sorted(set(kind.__fields__) - _OURS)
    for given in bound.kwargs:
        if given not in arguments:
            raise document.error(
                (*place, "kwargs", given), f"there is no argument `{given}`", did_you_mean(given, arguments)
            )
    try:
        return kind(**bound.kwargs, severity=FailureSeverity(wanted.severity), meta={"name": bound.name})
    except ValidationError as error:
        first = error.errors()[0]
        argument = str(first["loc"][0]) if first["loc"] else ""
        raise document.error(
            (*place, "kwargs", argument), f"`{argument}`: {first['msg']}", f"arguments: {', '.join(arguments)}"
        ) from error


def _ask(rows: Any, expected: dict[str, Any], form: str) -> dict[str, ExpectationValidationResult]:
    import great_expectations as gx

    suite = gx.ExpectationSuite(name="asked", expectations=[expectation.copy() for expectation in expected.values()])
    answer = rows.validate(suite, result_format={"result_format": form, "partial_unexpected_count": 0})
    results = {result.expectation_config.meta["name"]: result for result in answer.results}
    return {name: results[name] for name in expected}


def _read(batch: Batch, bound: Bound, expectation: Any, result: ExpectationValidationResult | None) -> Outcome:
    """Return what came of an expectation; without a result it holds beyond doubt."""
    rule = _words(expectation)
    if result is None:
        return Outcome.of(batch.table, bound, observed="as expected", passed=True, rule=rule)
    if problem := _exception(result.exception_info or {}):
        return Outcome.of(batch.table, bound, observed=could_not(problem), severity="critical", rule=rule)
    if result.success:
        return Outcome.of(batch.table, bound, observed="as expected", passed=True, rule=rule)
    return Outcome.of(batch.table, bound, observed=_counts(result.result), rule=rule)


def _counts(result: dict[str, Any]) -> str:
    if "unexpected_count" in result and "element_count" in result:
        return f"{result['unexpected_count']:,} of {result['element_count']:,} rows are not so"
    observed = result.get("observed_value")
    if isinstance(observed, int | float):
        return f"{observed:,}"
    return "not so"


def _exception(info: dict[str, Any]) -> str:
    """Return what went wrong in words that hold no value of a row: a database's message may quote one."""
    for part in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            message = str(part.get("exception_message") or "no message").strip().splitlines()[0]
            driver = re.match(r"\((psycopg2\.[\w.]+)\)", message)
            return driver.group(1) if driver else message[:300]
    return ""


def _words(expectation: Any) -> str:
    """Return an expectation as a sentence, from Great Expectations' own renderer where it has one."""
    if getattr(expectation, "description", None):
        return str(expectation.description)
    wanted = expectation.configuration
    return _sentence(wanted.type, json.dumps(wanted.kwargs, sort_keys=True))


@cache
def _sentence(kind: str, arguments: str) -> str:
    # A suite of an entity is read once for each stream that feeds it, and rendering takes longer than asking.
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.render.renderer.inline_renderer import InlineRenderer

    parts = []
    wanted = ExpectationConfiguration(type=kind, kwargs=json.loads(arguments))
    for content in InlineRenderer(render_object=wanted).get_rendered_content():
        text = str(content.value.template or "")
        for name, value in sorted((content.value.params or {}).items(), key=lambda item: -len(item[0])):
            text = text.replace(f"${name}", str(value["value"] if isinstance(value, dict) else value))
        parts.append(text)
    return " ".join(parts)
