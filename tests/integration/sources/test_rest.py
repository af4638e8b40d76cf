"""Streams of a REST server that behaves as badly as they do."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from forewarn.errors import SourceRejected, SourceUnavailable

TICKETS = """
kind: rest
connection: desk
streams:
  tickets:
    endpoint:
      path: /v1/tickets
      params: {status: all}
      records: data
      since: updated_since
      paginator: {kind: token, field: next, param: page_token}
      deadline: 1 minute
      longest_wait: 1 minute
    key: [id]
    cursor: updated_at
    columns: {updated_at: timestamptz}
    personal: [requester__email]
    entities:
      ticket:
        columns: {ticket_id: id, account_id: requester__company, opened_at: opened_at, satisfaction: rating}
"""


def ticket(number: int, **more: object) -> dict[str, object]:
    return {
        "id": number,
        "requester": {"company": f"C{number % 3}", "email": "x@example.org"},
        "opened_at": "2026-01-05T10:00:00Z",
        "updated_at": f"2026-02-{number:02d}T10:00:00Z",
        "rating": 4.5,
        "tags": ["a", {"b": 1.5}],
    } | more


@pytest.fixture
def desk(httpserver: HTTPServer, write_source, land):
    """The source, and a function that lands it with a credential in the address."""
    source = write_source("support", TICKETS)

    def run(**more):
        address = httpserver.url_for("").replace("http://", "http://reader:s3cr3t-key@")
        return land(more.pop("source", source), "tickets", desk=address, **more)

    return run


def pages(httpserver: HTTPServer, count: int = 3, size: int = 2) -> list[Request]:
    """Serve `count` pages of `size` tickets behind a token; returns the requests as they come."""
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        page = int(request.args.get("page_token") or 0)
        data = [ticket(page * size + offset + 1) for offset in range(size)]
        return Response(
            json.dumps({"data": data, "next": str(page + 1) if page + 1 < count else None}), mimetype="application/json"
        )

    httpserver.expect_request("/v1/tickets").respond_with_handler(answer)
    return asked


@pytest.fixture
def before(httpserver: HTTPServer, desk, rows):
    """Six tickets have landed; at the end they must still be there."""
    pages(httpserver)
    assert desk().rows_loaded == 6
    httpserver.clear()
    yield
    assert rows("select count(*) from raw_support.tickets") == [(6,)]


@pytest.mark.capability("C1")
def test_every_page_lands_typed_with_nested_objects_as_columns(httpserver, desk, rows):
    asked = pages(httpserver)
    batch = desk()
    assert (batch.rows_in, batch.rows_loaded, len(asked)) == (6, 6, 3)
    assert asked[0].args["status"] == "all"
    assert asked[0].authorization.username == "reader"
    assert rows("select id, requester__company, opened_at, rating, tags from raw_support.tickets where id = '1'") == [
        ("1", "C1", datetime(2026, 1, 5, 10, tzinfo=UTC), 4.5, '["a", {"b": 1.5}]')
    ]


@pytest.mark.capability("C4")
def test_next_run_asks_from_the_watermark(httpserver, desk):
    asked = pages(httpserver)
    desk()
    batch = desk()
    assert asked[-1].args["updated_since"] == "2026-02-06T10:00:00Z"
    assert (batch.rows_in, batch.rows_loaded, batch.rows_deduplicated) == (6, 0, 6)


@pytest.fixture
def hasty(write_source):
    """The source with a deadline of a second: what passes does not pass in time."""
    return write_source("support", TICKETS.replace("deadline: 1 minute", "deadline: 1 second"))


def test_a15_too_many_requests_waits_as_long_as_asked(httpserver, desk):
    httpserver.expect_ordered_request("/v1/tickets").respond_with_data("", 429, {"Retry-After": "1"})
    httpserver.expect_ordered_request("/v1/tickets").respond_with_data("", 500)
    httpserver.expect_ordered_request("/v1/tickets").respond_with_json({"data": [ticket(1)]})
    started = time.monotonic()
    assert desk().rows_loaded == 1
    assert time.monotonic() - started > 1.0


def test_a15_a_wait_beyond_the_limit_is_left_to_a_later_run(httpserver, before, desk):
    httpserver.expect_request("/v1/tickets").respond_with_data("", 429, {"Retry-After": "86400"})
    with pytest.raises(SourceUnavailable, match="a request to wait 86400 s, and the longest wait is 60 s"):
        desk()


def test_a16_server_that_fails_on_a_later_page_leaves_no_page(httpserver, before, desk, hasty):
    httpserver.expect_request(
        "/v1/tickets", query_string={"status": "all", "updated_since": "2026-02-06T10:00:00Z"}
    ).respond_with_json({"data": [ticket(20)], "next": "2"})
    httpserver.expect_request("/v1/tickets").respond_with_data("oops", 502)
    with pytest.raises(
        SourceUnavailable, match=r"support\.tickets: GET /v1/tickets: .*status 502 until the deadline of 1 s"
    ):
        desk(source=hasty)


def test_a17_page_token_that_loops_is_stopped(httpserver, before, desk):
    httpserver.expect_request("/v1/tickets").respond_with_handler(
        lambda request: Response(
            json.dumps({"data": [ticket(9, seen=request.args.get("page_token"))], "next": "again"}),
            mimetype="application/json",
        )
    )
    with pytest.raises(
        SourceRejected, match="expected pages that end, got an address that was read before after 2 pages"
    ):
        desk()


def test_a17_same_page_under_new_tokens_is_stopped(httpserver, before, desk, write_source):
    numbered = TICKETS.replace("{kind: token, field: next, param: page_token}", "{kind: page_number, param: page}")
    httpserver.expect_request("/v1/tickets").respond_with_json({"data": [ticket(9)]})
    with pytest.raises(SourceRejected, match="the same page twice running"):
        desk(source=write_source("support", numbered))


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
def test_a19_html_with_200_is_refused_and_named(httpserver, before, desk, kind):
    httpserver.expect_request("/v1/tickets").respond_with_data("<!doctype html><h1>Log in</h1>", content_type=kind)
    with pytest.raises(SourceRejected, match=r"expected JSON, got 200 with .*a page for people.*log-in page"):
        desk()


def test_a19_json_that_breaks_off_is_tried_again_and_never_half_landed(httpserver, before, desk, hasty):
    httpserver.expect_request("/v1/tickets").respond_with_data('{"data": [{"id": 1', content_type="application/json")
    with pytest.raises(SourceUnavailable, match="JSON that breaks off"):
        desk(source=hasty)
    assert len(httpserver.log) > 1


def closed_inside_the_body(request: Request) -> Response:
    """Declare a longer body than is sent; what is sent reads as a last page of its own."""
    page = json.dumps({"data": [ticket(9)], "next": None})
    response = Response(page, mimetype="application/json")
    response.headers["Content-Length"] = str(len(page) + 1000)
    return response


def test_a16_connection_closed_inside_a_body_is_tried_again_and_leaves_no_page(httpserver, before, desk, hasty):
    httpserver.expect_request("/v1/tickets").respond_with_handler(closed_inside_the_body)
    with pytest.raises(SourceUnavailable, match=r"broken connection \(RemoteProtocolError\)"):
        desk(source=hasty)
    assert len(httpserver.log) > 1


def test_a16_connection_closed_inside_a_body_once_costs_no_row(httpserver, desk, rows):
    httpserver.expect_oneshot_request("/v1/tickets").respond_with_handler(closed_inside_the_body)
    asked = pages(httpserver)
    assert desk().rows_loaded == 6
    assert (len(httpserver.log), len(asked)) == (4, 3)
    assert rows("select array_agg(id order by id) from raw_support.tickets") == [([*"123456"],)]


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_a20_refusal_is_not_tried_again_and_shows_no_secret(httpserver, before, desk, rows, status, caplog):
    httpserver.expect_request("/v1/tickets").respond_with_data("", status, {"Location": "https://elsewhere.example/"})
    with pytest.raises(SourceRejected, match=rf"status {status}.*connection desk") as caught:
        desk()
    assert len(httpserver.log) == 1
    recorded = str(rows("select error from ops.batch"))
    assert "s3cr3t" not in f"{caught.value} {recorded} {caplog.text}"


def test_a_key_in_the_address_reaches_no_log(httpserver, write_source, land, caplog):
    for name in ("", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    source = write_source("support", TICKETS.replace("connection: desk", "connection: desk\nauth: {query: api_key}"))
    asked = pages(httpserver)
    land(source, "tickets", desk=httpserver.url_for("").replace("http://", "http://c4nary-key@"))
    assert {request.args["api_key"] for request in asked} == {"c4nary-key"}
    # The test's own server tells what it was asked.
    ours = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    assert "c4nary-key" not in " ".join(ours)


def test_a18_server_that_drips_meets_the_deadline(httpserver, before, desk, hasty):
    def drip(request: Request) -> Response:
        return Response((time.sleep(0.2) or b" " for _ in range(10)), mimetype="application/json")

    httpserver.expect_request("/v1/tickets").respond_with_handler(drip)
    with pytest.raises(SourceUnavailable, match="expected the whole answer within 1 s for the whole stream"):
        desk(source=hasty)


def test_a08_missing_field_is_named(httpserver, desk):
    without = {key: value for key, value in ticket(1).items() if key != "opened_at"}
    httpserver.expect_request("/v1/tickets").respond_with_json({"data": [without]})
    with pytest.raises(SourceRejected, match="column opened_at: expected in the records"):
        desk()


def test_wrong_records_path_shows_what_the_answer_has(httpserver, desk):
    httpserver.expect_request("/v1/tickets").respond_with_json({"items": [], "total": 0})
    with pytest.raises(
        SourceRejected, match=r"expected a list of objects at `data`, got null \(the answer has: items, total\)"
    ):
        desk()


def test_a07_empty_list_where_there_never_was_a_row_is_an_error(httpserver, desk):
    httpserver.expect_request("/v1/tickets").respond_with_json({"data": []})
    with pytest.raises(SourceRejected, match="expected at least one row, got an empty stream"):
        desk()


def test_nothing_since_the_watermark_is_no_error(httpserver, before, desk):
    httpserver.expect_request("/v1/tickets").respond_with_json({"data": []})
    assert desk().rows_in == 0


@pytest.mark.capability("C5")
def test_values_that_do_not_fit_are_quarantined(httpserver, desk, rows):
    data = [
        ticket(1),
        ticket(2, rating="good"),
        ticket(3, id=None),
        ticket(4, rating=float("nan")),
        ticket(5, tags="a\0b"),
    ]
    httpserver.expect_request("/v1/tickets").respond_with_data(
        json.dumps({"data": data}), content_type="application/json"
    )
    batch = desk()
    assert (batch.rows_loaded, batch.rows_quarantined) == (1, 4)
    assert rows("select reason from quarantine.row order by 1") == [
        ("id: expected a key, got nothing",),
        ("rating: expected a finite number, got 'NaN'",),
        ("rating: expected numeric, got 'good'",),
        ("record 5: expected text, got a NUL character",),
    ]


@pytest.mark.parametrize("kind", ["last_record", "link_header", "next_link", "offset", "page_number"])
def test_other_ways_to_page(httpserver, desk, write_source, kind):
    pagers = {
        "last_record": "{kind: last_record, field: id, param: starting_after}",
        "link_header": "{kind: link_header}",
        "next_link": "{kind: next_link, field: links.next}",
        "offset": "{kind: offset, param: from}",
        "page_number": "{kind: page_number, param: page, size_param: per_page, size: 50}",
    }

    def answer(request: Request) -> Response:
        page = int(request.args.get("page", 1)) if "from" not in request.args else int(request.args["from"]) // 2 + 1
        page = (int(request.args["starting_after"]) + 1) // 2 if "starting_after" in request.args else page
        data = [ticket(page * 2), ticket(page * 2 + 1)] if page <= 3 else []
        following = httpserver.url_for(f"/v1/tickets?page={page + 1}") if page < 3 else None
        response = Response(json.dumps({"data": data, "links": {"next": following}}), mimetype="application/json")
        if following and kind == "link_header":
            response.headers["Link"] = f'<{following}>; rel="next"'
        return response

    httpserver.expect_request("/v1/tickets").respond_with_handler(answer)
    text = TICKETS.replace("{kind: token, field: next, param: page_token}", pagers[kind])
    assert desk(source=write_source("support", text)).rows_loaded == 6


def test_link_to_another_host_is_not_followed(httpserver, desk, write_source):
    text = TICKETS.replace("{kind: token, field: next, param: page_token}", "{kind: next_link, field: next}")
    httpserver.expect_request("/v1/tickets").respond_with_json({"data": [ticket(1)], "next": "http://evil.example/x"})
    with pytest.raises(SourceRejected, match=r"got a link to evil\.example"):
        desk(source=write_source("support", text))
