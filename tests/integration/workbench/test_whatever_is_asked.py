"""Whatever is asked of the workbench, it answers and never fails: requests made from its schema, right and wrong ones.

They come after the other tests of a worker: some are answers to cases. FOREWARN_REQUESTS is how many of a kind each
route gets; 50 make ten thousand in all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from answering import BASE
from desk_company import Office
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from forewarn.workbench.app import create_app
from forewarn.workbench.visit import COOKIE

A_ROUTE = int(os.environ.get("FOREWARN_REQUESTS", "3"))
TAKEN = ("method", "url", "params", "data", "json", "headers")


@pytest.mark.parametrize("person", ["ada", "ana"])
def test_no_request_is_answered_with_a_failure(company: Office, person: str) -> None:
    company.of(person)
    app = create_app(company.pool, company.book, company.project, clock=lambda: company.now)
    schema = schemathesis.openapi.from_dict(app.openapi())
    routes = [found.ok() for found in schema.get_all_operations()]
    assert len(routes) > 20
    browser = TestClient(app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)
    browser.cookies.set(COOKIE, company.secrets[person])
    failed, asked = [], 0

    for route in routes:
        if route.path in ("/logout", "/login"):
            continue
        for mode in GenerationMode:

            @settings(max_examples=A_ROUTE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=route.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal asked
                asked += 1
                sent = case.as_transport_kwargs(base_url=BASE, headers={"origin": BASE})
                try:
                    answer = browser.request(**{name: sent[name] for name in sent if name in TAKEN})
                except (httpx.InvalidURL, UnicodeEncodeError):
                    return  # no browser can ask so
                if answer.status_code >= 500:
                    failed.append((case.method, case.path, answer.status_code))

            # A route without a parameter cannot be asked wrongly.
            with suppress(Unsatisfiable):
                ask()
    assert asked > 20 * A_ROUTE
    assert failed == []
