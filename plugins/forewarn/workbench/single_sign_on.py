"""Log-in by the company's own identity provider: OpenID Connect, authorization code with PKCE.

The provider says who somebody is; what they may see says their account here, found by the verified e-mail address.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from itsdangerous import BadData, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from forewarn.errors import Permanent
from forewarn.workbench.entrance import keep, onward
from forewarn.workbench.pool import Pool
from forewarn.workbench.refusals import Refused
from forewarn.workbench.rendering import language, render
from forewarn.workbench.sessions import open_session

CONNECTION = "oidc"
PAGE = "/login/oidc"
ON_THE_WAY = "forewarn_on_the_way"
WAITS_SECONDS = 600
ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Provider:
    """An identity provider, and what we are called there."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Provider:
        """Read a connection, `https://CLIENT:SECRET@issuer`.

        Raises
        ------
        Permanent
            It is no such address.
        """
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "localhost")
        if (parts.scheme != "https" and not (local and parts.scheme == "http")) or not (
            parts.username and parts.password
        ):
            raise Permanent(
                f"connection `{CONNECTION}`", expected="https://CLIENT:SECRET@issuer", got="another address"
            )
        place = parts.netloc.rpartition("@")[2]
        issuer = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
        return cls(issuer, unquote(parts.username), unquote(parts.password))

    def metadata(self) -> dict[str, Any]:
        """Return what the provider says of itself."""
        answer = httpx.get(f"{self.issuer}/.well-known/openid-configuration", timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        if found.get("issuer", "").rstrip("/") != self.issuer:
            raise Refused("not_let_in")
        return found

    def claims(self, id_token: str, metadata: dict[str, Any], *, nonce: str, now: datetime) -> dict[str, Any]:
        """Return the claims of a token that the provider signed for us, for this log-in, and that still holds.

        Raises
        ------
        JoseError
            It is not.
        """
        keys = httpx.get(metadata["jwks_uri"], timeout=10)
        keys.raise_for_status()
        token = jwt.decode(id_token, KeySet.import_key_set(keys.json()), algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=60,
            iss={"essential": True, "value": metadata["issuer"]},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
        return dict(token.claims)


def single_sign_on(
    pool: Pool, provider: Provider, base: str, clock: Callable[[], datetime], *, secure: bool
) -> APIRouter:
    """Return the routes by which the provider lets people in; `base` is our own address."""
    router = APIRouter()
    back = f"{base}{PAGE}/back"
    # What was asked for on the way there is kept in the browser, signed; nobody can send another on a way of their own.
    signed = URLSafeTimedSerializer(
        provider.client_secret,
        salt="forewarn.oidc",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )

    def client() -> OAuth2Client:
        return OAuth2Client(
            provider.client_id,
            provider.client_secret,
            scope="openid email",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=10,
        )

    @router.get(PAGE)
    def leave(next: str = "/") -> Response:
        way = {"nonce": secrets.token_urlsafe(24), "verifier": secrets.token_urlsafe(48), "next": onward(next)}
        try:
            endpoint = provider.metadata()["authorization_endpoint"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            _log.warning("The identity provider did not answer: %s", type(error).__name__)
            raise Refused("not_let_in") from error
        url, state = client().create_authorization_url(endpoint, code_verifier=way["verifier"], nonce=way["nonce"])
        answer = RedirectResponse(url, status_code=303)
        # Lax: the provider's page leads back here.
        answer.set_cookie(
            ON_THE_WAY,
            signed.dumps(way | {"state": state}),
            max_age=WAITS_SECONDS,
            path=PAGE,
            httponly=True,
            samesite="lax",
            secure=secure,
        )
        return answer

    @router.get(f"{PAGE}/back", response_class=HTMLResponse)
    def arrive(request: Request, code: str = "", state: str = "") -> Response:
        try:
            way = signed.loads(request.cookies.get(ON_THE_WAY, ""), max_age=WAITS_SECONDS)
            if not code or not secrets.compare_digest(way["state"], state):
                raise Refused("not_let_in")
            metadata = provider.metadata()
            token = client().fetch_token(metadata["token_endpoint"], code=code, code_verifier=way["verifier"])
            claims = provider.claims(token["id_token"], metadata, nonce=way["nonce"], now=clock())
        except (BadData, OAuthError, JoseError, httpx.HTTPError, ValueError, KeyError) as error:
            _log.warning("A log-in by the identity provider failed: %s", type(error).__name__)
            raise Refused("not_let_in") from error
        secret = _enter(pool, claims)
        # A page that goes on by itself: a redirect would count as the provider's, with which no strict cookie is sent.
        say = language(request.headers.get("accept-language", "")[:5].partition(",")[0])
        answer = HTMLResponse(render("arrived.html.j2", say, next=way["next"]))
        answer.delete_cookie(ON_THE_WAY, path=PAGE, httponly=True, samesite="lax", secure=secure)
        keep(answer, secret, secure=secure)
        return answer

    return router


def _enter(pool: Pool, claims: dict[str, Any]) -> str:
    """Open the session of who the provider says it is.

    Raises
    ------
    Refused
        The address is not verified, or no account has it.
    """
    if claims.get("email_verified") is not True or not claims.get("email"):
        raise Refused("not_let_in")
    with pool.transaction() as cursor:
        cursor.execute(
            "select account_id from workbench.account where email = %s and disabled_at is null",
            [str(claims["email"]).lower()],
        )
        row = cursor.fetchone()
        if row is None:
            raise Refused("not_let_in")
        return open_session(cursor, row[0], "oidc")
