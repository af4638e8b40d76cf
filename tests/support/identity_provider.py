"""An OpenID Connect provider on loopback, which says of whoever comes what a test wants it to say."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from alerting_warehouse import NOW
from joserfc import jwt
from joserfc.jwk import RSAKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from forewarn.workbench.single_sign_on import Provider

CLIENT, SECRET, CODE = "forewarn", "a-secret-of-the-client-which-is-long-enough", "the-code"


@dataclass
class IdentityProvider:
    """The provider; `says` are claims that a token has in place of the right ones, `key` is what it signs with."""

    server: HTTPServer
    known: RSAKey
    key: RSAKey
    says: dict[str, Any] = field(default_factory=dict)
    challenge: str = ""
    nonce: str = ""

    @property
    def issuer(self) -> str:
        return self.server.url_for("").rstrip("/")

    @property
    def provider(self) -> Provider:
        return Provider.of(self.issuer.replace("://", f"://{CLIENT}:{SECRET}@"))

    def asked(self, address: str) -> str:
        """Take somebody in at the authorization endpoint; returns the address that leads back, without its base."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (query["client_id"], query["response_type"]) == (CLIENT, "code")
        assert query["code_challenge_method"] == "S256"
        self.challenge, self.nonce = query["code_challenge"], query["nonce"]
        return f"{urlsplit(query['redirect_uri']).path}?code={CODE}&state={query['state']}"

    def _token(self, request: Request) -> Response:
        given = request.form
        digest = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=")
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if given["code"] != CODE or digest.decode() != self.challenge:
            return Response('{"error": "invalid_grant"}', 400, content_type="application/json")
        if request.headers.get("authorization") != f"Basic {basic}":
            return Response('{"error": "invalid_client"}', 401, content_type="application/json")
        now = int(NOW.timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": self.nonce}
        claims |= {"email": "Ana@Meridian.example", "email_verified": True} | self.says
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        answer = {"access_token": "x", "token_type": "Bearer", "id_token": token}
        return Response(json.dumps(answer), content_type="application/json")


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Serve a provider."""
    with HTTPServer() as server:
        key = RSAKey.generate_key(2048, {"kid": "one"})
        found = IdentityProvider(server, key, key)
        server.expect_request("/.well-known/openid-configuration").respond_with_json(
            {
                "issuer": found.issuer,
                "authorization_endpoint": server.url_for("/authorize"),
                "token_endpoint": server.url_for("/token"),
                "jwks_uri": server.url_for("/keys"),
            }
        )
        server.expect_request("/keys").respond_with_json({"keys": [key.as_dict(private=False)]})
        server.expect_request("/token", method="POST").respond_with_handler(found._token)
        yield found
