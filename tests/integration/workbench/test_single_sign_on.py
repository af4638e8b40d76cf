"""Log-in by the company's identity provider, over a provider on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alerting_warehouse import NOW
from desk_company import Office
from identity_provider import IdentityProvider, identity_provider
from joserfc.jwk import RSAKey

from forewarn.errors import Permanent
from forewarn.workbench.single_sign_on import Provider


@pytest.fixture(scope="module")
def served() -> Iterator[IdentityProvider]:
    with identity_provider() as found:
        yield found


@pytest.fixture
def provider(served: IdentityProvider) -> IdentityProvider:
    served.says, served.key = {}, served.known
    return served


def _arrive(company: Office, provider: IdentityProvider, **changed: str) -> Any:
    """Go to the provider and come back, with another query where one is given."""
    browser = company.visitor(provider.provider)
    there = browser.get("/login/oidc?next=/inbox?show=snoozed", follow_redirects=False)
    back = provider.asked(there.headers["location"])
    for name, value in changed.items():
        before = back.partition(f"{name}=")[2].partition("&")[0]
        back = back.replace(f"{name}={before}", f"{name}={value}")
    return browser, browser.get(back, headers={"sec-fetch-site": "cross-site"})


def test_whom_the_provider_knows_and_who_has_an_account_is_let_in(company: Office, provider: IdentityProvider) -> None:
    assert 'href="/login/oidc?next=/"' in company.visitor(provider.provider).get("/login").text
    browser, page = _arrive(company, provider)
    assert page.status_code == 200
    assert 'content="0; url=/inbox?show=snoozed"' in page.text
    assert "SameSite=strict" in page.headers["set-cookie"]
    assert "Ana Weber" in browser.get("/inbox").text
    assert company.marts.rows("select way from workbench.session order by session_id desc limit 1") == [("oidc",)]


@pytest.mark.parametrize(
    "says",
    [
        {"email": "stranger@meridian.example"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"aud": "another"},
        {"iss": "https://other.example"},
        {"nonce": "another"},
        {"exp": int(NOW.timestamp()) - 61},
    ],
)
def test_63_a_token_that_is_not_for_this_log_in_lets_nobody_in(
    company: Office, provider: IdentityProvider, says: dict[str, Any]
) -> None:
    provider.says = says
    browser, page = _arrive(company, provider)
    assert (page.status_code, "Not let in" in page.text) == (403, True)
    assert browser.get("/inbox").url.path == "/login"


def test_63_a_token_signed_by_another_lets_nobody_in(company: Office, provider: IdentityProvider) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert _arrive(company, provider)[1].status_code == 403


@pytest.mark.parametrize("changed", [{"state": "another"}, {"code": "another"}, {"code": ""}])
def test_68_a_way_back_that_nobody_went_lets_nobody_in(
    company: Office, provider: IdentityProvider, changed: dict[str, str]
) -> None:
    assert _arrive(company, provider, **changed)[1].status_code == 403


def test_68_a_code_does_not_work_in_another_browser(company: Office, provider: IdentityProvider) -> None:
    there = company.visitor(provider.provider).get("/login/oidc", follow_redirects=False)
    back = provider.asked(there.headers["location"])
    assert company.visitor(provider.provider).get(back).status_code == 403


def test_without_its_provider_the_page_says_so_and_passwords_still_work(company: Office) -> None:
    nowhere = Provider("http://127.0.0.1:9", "forewarn", "a-secret")
    page = company.visitor(nowhere).get("/login/oidc")
    assert (page.status_code, "Not let in" in page.text) == (403, True)
    assert company.visitor().get("/login/oidc").status_code == 404


@pytest.mark.parametrize("url", ["https://issuer.example", "http://a:b@issuer.example", "issuer"])
def test_a_connection_that_is_no_provider_is_refused(url: str) -> None:
    with pytest.raises(Permanent, match="https://CLIENT:SECRET@issuer"):
        Provider.of(url)
    assert Provider.of("https://a:b%2Fc@issuer.example/realms/x/") == Provider(
        "https://issuer.example/realms/x", "a", "b/c"
    )
