"""The lists that a REST server answers with: by its OpenAPI document, or by one plain answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from forewarn.config.entities import parents
from forewarn.config.yaml import did_you_mean
from forewarn.errors import SourceRejected
from forewarn.scaffold import names
from forewarn.scaffold.table import MAX_COLUMNS, MAX_ROWS, Column, Table, columns_of
from forewarn.sources.http import Page, Server
from forewarn.sources.model import RestSource
from forewarn.sources.nested import elements, flatten

_DECLARED = {"integer": "bigint", "number": "numeric", "boolean": "boolean"}
_PAGES = {"page": "page_number", "page_number": "page_number", "offset": "offset", "skip": "offset", "start": "offset"}
_SIZES = ("per_page", "page_size", "pagesize", "limit", "size", "count", "top", "page[size]")
# By the whole path, or by its last name.
_LINKS = ("next", "next_page_url", "next_url", "next_link", "nextLink", "@odata.nextLink", "paging.next.link")
_NEXT_TOKENS = {
    "next_cursor": "cursor", "nextCursor": "cursor", "after_cursor": "cursor", "cursor": "cursor", "after": "after",
    "next_token": "next_token", "nextToken": "nextToken", "next_page_token": "page_token", "nextPageToken": "pageToken",
    "next_offset": "offset", "nextOffset": "offset", "next_page": "page", "nextPage": "page",
    "continuation": "continuation", "continuation_token": "continuation_token",
}  # fmt: skip
# What a token is sent as; a number or an offset of a page is one of `_PAGES`.
_TOKENS = {"starting_after", "page[after]", "page[cursor]", *map(str.lower, _NEXT_TOKENS.values())} - _PAGES.keys()
# How many records servers give at once.
_USUAL_SIZES = (10, 20, 25, 30, 50, 100, 200, 250, 500, 1000)
_MORE = ("has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage", "more")
_MAX_DEPTH = 8


def base_of(url: str) -> str:
    """Return the address of the server of a document or an answer, with the credential that stands in it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def look_at_api(urls: Sequence[str], connection: str) -> tuple[list[Table], list[str], str]:
    """Return a table for each list that a server gives, what could not be used, and the server's address.

    Raises
    ------
    SourceRejected, SourceUnavailable
        An address does not answer with JSON, its answer holds no list of objects, or it is another server's.
    """
    tables: list[Table] = []
    problems: list[str] = []
    bases: list[str] = []
    for url in urls:
        found, unused, base = _look(url, connection)
        tables, problems, bases = tables + found, problems + unused, [*bases, base]
        if base != bases[0]:
            raise SourceRejected(
                f"address {url.rsplit('@', maxsplit=1)[-1]}",
                expected="the server of the other addresses: a source is one server",
                got="another",
                next_step="make a source of its own for it",
            )
    return tables, problems, bases[0]


def _look(url: str, connection: str) -> tuple[list[Table], list[str], str]:
    page = _get(url, connection)
    body = page.body
    if isinstance(body, dict) and ("openapi" in body or "swagger" in body):
        return _described(body, url)
    parts = urlsplit(url)
    found = next(_lists(body), None)
    if found is None:
        shown = ", ".join(map(str, body)) if isinstance(body, dict) else type(body).__name__
        raise SourceRejected(
            f"GET {parts.path}",
            expected="a list of objects, or an OpenAPI document",
            got=f"JSON without one (it has: {shown[:200]})",
            next_step="give the address of a list",
        )
    path, records = found
    endpoint: dict[str, Any] = {"path": parts.path or "/"}
    asked = dict(parse_qsl(parts.query))
    endpoint |= {"params": asked} if asked else {}
    endpoint |= {"records": path} if path else {}
    pages = _paginator_of_answer(body, page, asked, records)
    endpoint |= pages
    # Of a list inside a record, what it is about is of use: the number of its first element.
    inside = list(dict.fromkeys(name for record in records[:MAX_ROWS] for name in elements(record) if _is_number(name)))
    flat = [flatten(record, inside) for record in records[:MAX_ROWS]]
    columns = list(dict.fromkeys(name for record in flat for name in record))[:MAX_COLUMNS]
    rows = [[None if record.get(name) is None else str(record[name]) for name in columns] for record in flat]
    title = [part for part in parts.path.split("/") if part][-1:] or ["records"]
    looked_at = columns_of(columns, [None] * len(columns), rows)
    doubts = [] if pages else list(_more_pages(len(records), asked))
    key = _own_number(looked_at)
    return (
        [Table(title[0].split(".")[0], {"endpoint": endpoint}, looked_at, key, False, doubts=doubts)],
        [],
        base_of(url),
    )


def _is_number(name: str) -> bool:
    return names.is_number(name) or any(names.is_number_of(name, entity) == 3 for entity in parents())


def _own_number(columns: Sequence[Column]) -> list[str]:
    """Return the number of a record, by its name; it may stand in an object that holds all of the record."""
    around = {column.name.partition("__")[0] for column in columns}
    within = f"{around.pop()}__" if len(around) == 1 else ""
    numbers = ("id", "uuid", "key")
    unique = [one.name for one in columns if one.is_unique and one.name.removeprefix(within).lower() in numbers]
    return unique[:1]


def _more_pages(count: int, asked: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning where an answer has as many records as a page, and nothing in it leads to the next."""
    limits = {value for name, value in asked.items() if name.lower() in _SIZES}
    if str(count) in limits or (not limits and count in _USUAL_SIZES):
        yield f"{count} records came, as a page has: say by `paginator` how the next is asked for, if there are more"


def _get(url: str, connection: str) -> Page:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceRejected(
            f"address {url.rsplit('@', maxsplit=1)[-1]}",
            expected="http:// or https://",
            got=parts.scheme or "no scheme",
            next_step="correct --api",
        )
    source = RestSource(kind="rest", connection=connection, streams={})
    server = Server(base_of(url), source, f"GET {parts.path or '/'}", headers={}, deadline=60, longest_wait=20)
    try:
        return server.get(server.address(parts.path or "/"), dict(parse_qsl(parts.query)))
    finally:
        server.close()


def _lists(body: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each list of objects with its dotted path, those nearer to the top first."""
    if isinstance(body, list) and body and all(isinstance(record, dict) for record in body):
        yield path, body
    elif isinstance(body, dict) and depth < _MAX_DEPTH:
        for name, value in sorted(body.items(), key=lambda item: not isinstance(item[1], list)):
            if "." not in name:
                yield from _lists(value, f"{path}.{name}" if path else name, depth + 1)


def _paginator_of_answer(
    body: Any, page: Page, asked: Mapping[str, str], records: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    if page.next_link:
        return {"paginator": {"kind": "link_header"}}
    said = list(_scalars(body))
    for path, name, value in said:
        if isinstance(value, str) and _is_link(path, name, value):
            return {"paginator": {"kind": "next_link", "field": path}}
    for path, name, value in said:
        if name in _NEXT_TOKENS and value:
            return {"paginator": {"kind": "token", "field": path, "param": _NEXT_TOKENS[name]}}
    for name in asked:
        if name.lower() in _PAGES:
            return {"paginator": {"kind": _PAGES[name.lower()], "param": name}}
    if any(name in _MORE for _, name, _ in said) and all("id" in record for record in records):
        # There is more, and nothing in the answer leads to it: the last number does.
        return {"paginator": {"kind": "last_record", "field": "id", "param": "starting_after"}}
    return {}


def _is_link(path: str, name: str, value: str) -> bool:
    """Whether a value is an address of the next page; a token may begin with a slash, and asks for nothing."""
    linked = name in _LINKS or path in _LINKS
    begins = ("http", "/") if linked or "?" in value else ("http",)
    return (linked or name in _NEXT_TOKENS) and value.startswith(begins)


def _scalars(body: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    if isinstance(body, dict) and depth < 3:
        for name, value in body.items():
            if isinstance(value, dict):
                yield from _scalars(value, f"{path}{name}.", depth + 1)
            elif not isinstance(value, list):
                yield path + name, name, value


def _described(document: dict[str, Any], url: str) -> tuple[list[Table], list[str], str]:
    """Return the lists that an OpenAPI document describes; nothing but the document was asked for."""
    tables: list[Table] = []
    problems: list[str] = []
    servers = document.get("servers") or []
    first = (
        str(servers[0].get("url", ""))
        if servers and isinstance(servers[0], dict)
        else str(document.get("basePath") or "")
    )
    prefix = urlsplit(first).path.rstrip("/")
    parts = urlsplit(base_of(url))
    server = urlsplit(first)
    if server.scheme in ("http", "https") and server.hostname and server.hostname != parts.hostname:
        credential = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        base = urlunsplit((server.scheme, credential + server.netloc, "", "", ""))
    else:
        base = base_of(url)
    for path, operations in (document.get("paths") or {}).items():
        operation = operations.get("get") if isinstance(operations, dict) else None
        if not isinstance(operation, dict):
            continue
        schema = _answer(document, operation)
        found = _list_in(document, schema)
        if found is None:
            continue
        if "{" in path:
            problems.append(f"GET {path}: one list for each value of its path; a stream has one address")
            continue
        records, item = found
        endpoint: dict[str, Any] = {"path": prefix + path}
        endpoint |= {"records": records} if records else {}
        parameters = [*operations.get("parameters", []), *operation.get("parameters", [])]
        asked = [
            str(one.get("name")) for one in (_resolved(document, p) for p in parameters) if one.get("in") == "query"
        ]
        endpoint |= _paginator_of_parameters(document, schema, asked)
        columns = _columns(document, item)
        shown = list(columns)[:MAX_COLUMNS]
        key = [name for name in shown if name.lower() in ("id", "uuid", "key")][:1]
        title = [part for part in path.split("/") if part][-1:] or ["records"]
        tables.append(
            Table(
                title[0],
                {"endpoint": endpoint},
                columns_of(shown, [columns[name] for name in shown], []),
                key,
                whole=False,
            )
        )
    if not tables:
        known = list(document.get("paths") or {})
        raise SourceRejected(
            "the OpenAPI document",
            expected="a GET path that answers with a list of objects",
            got=f"none among {len(known)} paths",
            next_step=did_you_mean("list", known[:20]) if known else "give another address",
        )
    return tables, problems, base


def _answer(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    responses = operation.get("responses") or {}
    answer = _resolved(document, responses.get("200") or responses.get(200) or responses.get("default") or {})
    content = answer.get("content") or {}
    media = next((one for name, one in content.items() if "json" in name), None)
    return _resolved(document, (media or {}).get("schema") or answer.get("schema") or {})


def _list_in(document: dict[str, Any], schema: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if schema.get("type") == "array":
        item = _resolved(document, schema.get("items") or {})
        return ("", item) if item.get("properties") else None
    for name, part in (schema.get("properties") or {}).items():
        inner = _resolved(document, part)
        if inner.get("type") == "array" and "." not in name:
            item = _resolved(document, inner.get("items") or {})
            if item.get("properties"):
                return name, item
    return None


def _columns(
    document: dict[str, Any], schema: dict[str, Any], prefix: str = "", depth: int = 0
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, part in (schema.get("properties") or {}).items():
        inner = _resolved(document, part)
        if inner.get("properties") and depth < 3:
            found |= _columns(document, inner, f"{prefix}{name}__", depth + 1)
            continue
        kind = inner.get("type")
        kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
        if inner.get("format") in ("date-time", "date"):
            found[prefix + name] = "timestamptz"
        else:
            found[prefix + name] = _DECLARED.get(str(kind), "text")
    return found


def _resolved(document: dict[str, Any], part: Any) -> dict[str, Any]:
    """Return a part of the document, followed through its references, with what `allOf` joins."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(part, dict) or "$ref" not in part:
            break
        target: Any = document
        for name in str(part["$ref"]).removeprefix("#/").split("/"):
            target = target.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        part = target
    if not isinstance(part, dict):
        return {}
    found: dict[str, Any] = part
    if isinstance(part.get("allOf"), list):
        properties = dict(part.get("properties") or {})
        for one in part["allOf"]:
            properties |= _resolved(document, one).get("properties") or {} if one is not part else {}
        return {**part, "properties": properties, "type": part.get("type", "object")}
    return found


def _paginator_of_parameters(document: dict[str, Any], schema: dict[str, Any], asked: list[str]) -> dict[str, Any]:
    size = next((name for name in asked if name.lower() in _SIZES), None)
    said = list(_declared(document, schema))
    link = next((path for path, name in said if name in _LINKS or path in _LINKS), None)
    field = next((path for path, name in said if name in _NEXT_TOKENS), None)
    token = next((name for name in asked if name.lower() in _TOKENS), None)
    more = {"size_param": size, "size": 100} if size else {}
    if link:
        return {"paginator": {"kind": "next_link", "field": link, **more}}
    if field and token:
        return {"paginator": {"kind": "token", "field": field, "param": token, **more}}
    number = next((name for name in asked if name.lower() in _PAGES), None)
    if number:
        return {"paginator": {"kind": _PAGES[number.lower()], "param": number, **more}}
    # A token stands in the answer; a record's number may be sent as what comes after it.
    if token and "token" not in token.lower() and any(name in _MORE for _, name in said):
        return {"paginator": {"kind": "last_record", "field": "id", "param": token, **more}}
    return {}


def _declared(
    document: dict[str, Any], schema: dict[str, Any], path: str = "", depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Yield the dotted path and the name of each value beside the list of an answer."""
    for name, part in (schema.get("properties") or {}).items():
        inner = _resolved(document, part)
        if inner.get("properties") and depth < 3:
            yield from _declared(document, inner, f"{path}{name}.", depth + 1)
        elif inner.get("type") != "array":
            yield path + name, name
