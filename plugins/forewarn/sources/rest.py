"""Streams of a REST server: every page is fetched before the first row lands, so no page is ever half there."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from forewarn.config.entities import entities
from forewarn.errors import SourceRejected
from forewarn.expressions import names, parse
from forewarn.sources.column_types import Columns, column_types, wanted_columns
from forewarn.sources.http import Page, Server
from forewarn.sources.missing import require_columns
from forewarn.sources.model import RestSource, RestStream
from forewarn.sources.nested import as_json, flatten, spread
from forewarn.sources.reader import Extraction, Part, Reject, Row
from forewarn.sources.sql_tables import plain_row


@contextmanager
def open_endpoint(
    url: str, source: RestSource, stream: RestStream, name: str, watermark: str | None, *, known: dict[str, str]
) -> Iterator[Extraction]:
    """Fetch every page of an endpoint to a temporary file; `known` are the columns that have landed before."""
    subject = f"{source.name}.{name}"
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        wanted = wanted_columns(stream)
        seen: dict[str, None] = {}
        count = 0
        for records in pages(url, source, stream, subject, watermark):
            for record in (element for one in records for element in spread(one, stream.endpoint.each)):
                flat = flatten(record, wanted)
                seen |= dict.fromkeys(flat)
                spool.write(json.dumps(flat, default=as_json) + "\n")
                count += 1
        columns = list(seen)
        if count:
            # A JSON object may leave out what is empty; a column that has landed before is then no surprise.
            needed = [c for c in wanted if c in _required(stream) or c not in known]
            require_columns(subject, f"the records of {stream.endpoint.path}", needed, columns)
        else:
            columns = wanted
        declared = column_types(source, stream)
        types = {column: declared.get(column) or "text" for column in columns}
        part = Part(stream.endpoint.path, columns, rows=lambda: _rows(spool, columns))
        asked_whole = watermark is None or stream.endpoint.since is None
        yield Extraction(types, [part], whole=asked_whole, complete=asked_whole)


def pages(
    url: str, source: RestSource, stream: RestStream, subject: str, watermark: str | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Yield the records of each page until the server has no more.

    Raises
    ------
    SourceRejected
        An answer that cannot be used, or pages that come again.
    SourceUnavailable
        The server did not answer in time.
    """
    endpoint = stream.endpoint
    server = Server(
        url,
        source,
        f"{subject}: GET {endpoint.path}",
        headers=endpoint.headers,
        deadline=endpoint.deadline.total_seconds(),
        longest_wait=endpoint.longest_wait.total_seconds(),
    )
    with closing(server):
        address, params = server.address(endpoint.path), _parameters(stream, watermark)
        asked: set[tuple[str, ...]] = set()
        last = ""
        while True:
            request = (address, *(f"{key}={value}" for key, value in sorted(params.items())))
            if request in asked:
                raise _loop(server, len(asked), "an address that was read before")
            asked.add(request)
            page = server.get(address, params)
            records = _records(server, page, endpoint.records)
            content = hashlib.sha256(page.content).hexdigest()
            if records and content == last:
                raise _loop(server, len(asked), "the same page twice running")
            last = content
            yield records
            following = _next(server, stream, page, records, params)
            if following is None:
                return
            address, params = following[0] or address, following[1]


def _next(
    server: Server, stream: RestStream, page: Page, records: list[dict[str, Any]], params: dict[str, str]
) -> tuple[str | None, dict[str, str]] | None:
    """Return address and parameters of the page after this one, or None when this was the last."""
    pager = stream.endpoint.paginator
    if pager.kind in ("page_number", "offset"):
        if not records:
            return None
        step = 1 if pager.kind == "page_number" else len(records)
        return None, params | {str(pager.param): str(int(params[str(pager.param)]) + step)}
    if pager.kind == "last_record" and not records:
        return None
    if pager.kind in ("token", "last_record"):
        token = _at(page.body if pager.kind == "token" else records[-1], str(pager.field))
        return (None, params | {str(pager.param): str(token)}) if token not in (None, "", False) else None
    link = page.next_link if pager.kind == "link_header" else None
    if pager.kind == "next_link":
        found = _at(page.body, str(pager.field))
        link = str(found) if found else None
    return (server.address(link), {}) if link else None


def _parameters(stream: RestStream, watermark: str | None) -> dict[str, str]:
    endpoint, pager = stream.endpoint, stream.endpoint.paginator
    params = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in endpoint.params.items()
    }
    if pager.size_param and pager.size:
        params[pager.size_param] = str(pager.size)
    if pager.kind in ("page_number", "offset"):
        default = 1 if pager.kind == "page_number" else 0
        params[str(pager.param)] = str(default if pager.start is None else pager.start)
    if endpoint.since and watermark is not None:
        params[endpoint.since] = _bound(stream, watermark)
    return params


def _bound(stream: RestStream, watermark: str) -> str:
    try:
        moment = datetime.fromisoformat(watermark)
    except ValueError:
        return watermark
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if isinstance(stream.overlap, timedelta):
        moment -= stream.overlap
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _records(server: Server, page: Page, path: str) -> list[dict[str, Any]]:
    found = _at(page.body, path) if path else page.body
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        where = f"`{path}`" if path else "the top"
        shown = ", ".join(page.body) if isinstance(page.body, dict) else type(page.body).__name__
        raise SourceRejected(
            server.subject,
            expected=f"a list of objects at {where}",
            got=f"{'null' if found is None else type(found).__name__} (the answer has: {shown[:200]})",
            next_step="correct `records`",
        )
    return found


def _loop(server: Server, count: int, got: str) -> SourceRejected:
    return SourceRejected(
        server.subject,
        expected="pages that end",
        got=f"{got} after {count} pages",
        next_step="nothing was landed; check `paginator`, or report the loop to whoever runs the server",
    )


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _required(stream: RestStream) -> set[str]:
    needed = {*stream.key, *([stream.cursor] if stream.cursor else [])}
    for entity, mapping in stream.entities.items():
        for column, text in mapping.columns.items():
            if entities()[entity].columns[column].required:
                needed |= names(parse(text, Columns({}, text)))
    return needed


def _rows(spool: IO[str], columns: list[str]) -> Iterator[Row | Reject]:
    spool.seek(0)
    for number, line in enumerate(spool, start=1):
        record = json.loads(line)
        yield plain_row(f"record {number}", [record.get(column) for column in columns])
