"""Log-in by a password, and the sessions that follow: their secret is in the browser's cookie and nowhere else.

Sessions and throttling go by the database's clock, so that every process of the workbench agrees.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from psycopg2 import extensions

from forewarn.workbench.pool import Pool
from forewarn.workbench.refusals import Refused

LASTS = timedelta(hours=12)
# So many failures within the window, of one account or from one address, and the next attempt is not looked at.
WINDOW = timedelta(minutes=15)
OF_ACCOUNT, OF_ADDRESS = 5, 50


def log_in(pool: Pool, email: str, password: str, address: str) -> str | None:
    """Return the secret of a new session; None where address or password are wrong, whichever it is.

    Parameters
    ----------
    address
        Where the request came from, for throttling.

    Raises
    ------
    Refused
        Too many attempts failed before.
    """
    digest = hashlib.sha256(email.strip().lower().encode()).digest()
    with pool.transaction() as cursor:
        # Attempts on one account wait for each other: guessing at once gains nothing.
        cursor.execute("select pg_advisory_xact_lock(hashtext('forewarn.login'), hashtext(%s))", [digest.hex()])
        cursor.execute(
            "select count(*) filter (where email_digest = %(digest)s), count(*) filter (where address = %(address)s)"
            " from workbench.login_attempt where not succeeded and attempted_at > now() - %(window)s"
            " and (email_digest = %(digest)s or address = %(address)s)",
            {"digest": digest, "address": address, "window": WINDOW},
        )
        of_account, of_address = cursor.fetchone() or (0, 0)
        if of_account >= OF_ACCOUNT or of_address >= OF_ADDRESS:
            raise Refused("throttled")
        cursor.execute(
            "select account_id, password_hash from workbench.account where email = %s and disabled_at is null",
            [email.strip().lower()],
        )
        account_id, known = cursor.fetchone() or (None, None)
        # Whoever is not there takes as long as whoever is.
        fits = _verified(known or _nobody(), password) and known is not None
        cursor.execute(
            "insert into workbench.login_attempt (email_digest, address, succeeded) values (%s, %s, %s)",
            [digest, address, fits],
        )
        return open_session(cursor, account_id, "password") if fits else None


def open_session(cursor: extensions.cursor, account_id: int, way: Literal["password", "oidc"]) -> str:
    """Open a session of an account and return its secret; the caller commits."""
    secret = secrets.token_urlsafe(32)
    cursor.execute(
        "insert into workbench.session (digest, account_id, way, ends_at) values (%s, %s, %s, now() + %s)",
        [_digest(secret), account_id, way, LASTS],
    )
    return secret


def end_session(pool: Pool, secret: str) -> None:
    """End a session; one that is over stays so."""
    with pool.transaction() as cursor:
        cursor.execute(
            "update workbench.session set ended_at = now() where digest = %s and ended_at is null", [_digest(secret)]
        )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _verified(known: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(known, password)
    except VerificationError:
        return False


@lru_cache(maxsize=1)
def _nobody() -> str:
    return PasswordHasher().hash(secrets.token_urlsafe(32))
