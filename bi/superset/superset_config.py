"""Superset's settings. Secrets and addresses come from the environment; without them nothing starts.

FOREWARN_SUPERSET_SECRET_KEY     signs sessions; 32 characters at least
FOREWARN_SUPERSET_STORE_URL      Superset's own database, for instance sqlite:////var/lib/superset/superset.db
FOREWARN_SUPERSET_WAREHOUSE_URL  the warehouse, by a login that `forewarn access grant` made
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy.engine.url import URL, make_url

# The host that databases/warehouse.yaml names. It is none: the address is put in for each connection, so that neither
# the file nor Superset's own database holds the password.
PLACEHOLDER = "warehouse"


def _needed(name: str, what: str, *, at_least: int = 1) -> str:
    value = os.environ.get(name, "")
    if len(value) < at_least:
        raise SystemExit(f"{name}: expected {what}, got {len(value)} characters. Next: docs/how-to/use-superset.md")
    return value


SECRET_KEY = _needed("FOREWARN_SUPERSET_SECRET_KEY", "a random secret of 32 characters or more", at_least=32)
SQLALCHEMY_DATABASE_URI = _needed("FOREWARN_SUPERSET_STORE_URL", "the URL of Superset's own database")
WAREHOUSE = make_url(_needed("FOREWARN_SUPERSET_WAREHOUSE_URL", "the URL of the warehouse by a login of schema bi"))


def DB_CONNECTION_MUTATOR(  # noqa: N802 - Superset's name
    uri: URL, params: dict[str, Any], username: str | None, security_manager: object, source: object
) -> tuple[URL, dict[str, Any]]:
    """Put the warehouse's address in the place of the placeholder; its sessions read only.

    The login's own rights and row policies decide what is seen. Read-only is said again here, for a login that somebody
    made by hand.
    """
    if uri.host != PLACEHOLDER:
        return uri, params
    options = {"application_name": "superset", "options": "-c default_transaction_read_only=on"}
    return WAREHOUSE, {**params, "connect_args": {**params.get("connect_args", {}), **options}}


# Nothing leaves the machine: the pages may load from, and speak to, this server alone. Superset's own list names a
# counting pixel and servers of maps and fonts.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "default-src": ["'self'"],
        "base-uri": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
TALISMAN_DEV_CONFIG = TALISMAN_CONFIG
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []

# One process serves few readers: counters of log-in attempts and cached figures may live in it.
RATELIMIT_STORAGE_URI = "memory://"
SQLLAB_CTAS_NO_LIMIT = False
ROW_LIMIT = 10_000
SUPERSET_WEBSERVER_TIMEOUT = 300
FEATURE_FLAGS = {"ALERT_REPORTS": False, "DASHBOARD_RBAC": True}
LANGUAGES = {"en": {"flag": "us", "name": "English"}, "zh": {"flag": "cn", "name": "简体中文"}}
