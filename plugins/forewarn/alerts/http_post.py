"""One request over HTTP, and what its failure means for the message; no address with a secret leaves this file."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urldefrag, urlsplit, urlunsplit

import httpx

from forewarn.alerts.channel import ChannelDown
from forewarn.alerts.plain import one_line
from forewarn.errors import DeliveryFailed, DeliveryRejected, DeliveryUnknown, ForewarnError

TIMEOUT_SECONDS = 15.0
TOO_MANY = 429
LONGEST_ASKED = 24 * 3600
# The address or its secret is wrong: no message is to blame.
OF_THE_ADDRESS = frozenset({401, 403, 404, 405, 410})
# Nothing was sent: no connection came about, or an address or a secret cannot stand in a request.
_NOT_CONNECTED = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    *(httpx.UnsupportedProtocol, httpx.LocalProtocolError),
)


class Poster:
    """Posts to the address of a connection; the part after `#` is a secret that signs, and is never sent.

    Parameters
    ----------
    name : str
        What errors call the receiver.
    resolve : callable
        Returns the URL; asked once.
    private : bool
        Whether an address within one's own network may be reached. If not, the name is looked up once and the
        connection goes to the very address that was judged, so that a name that changes leads nowhere else.
    """

    def __init__(self, name: str, resolve: Callable[[], str], *, private: bool) -> None:
        # Their log of each request has the whole address, in which the key of a robot stands.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self.name, self._resolve, self._private = name, resolve, private
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        self._known: tuple[str, str] | None = None

    @property
    def secret(self) -> str:
        """What stands after `#` in the address; empty where nothing does."""
        return self._address()[1]

    def post(self, body: bytes, headers: Mapping[str, str], params: Mapping[str, str] | None = None) -> httpx.Response:
        """Post a body to the address itself; see `ask`."""
        return self.ask("POST", headers=headers, body=body, params=params)

    def ask(
        self,
        method: str,
        path: str = "",
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
        expected: Collection[int] = (),
    ) -> httpx.Response:
        """Send a request and return an answer of 2xx, or one whose status is expected.

        Parameters
        ----------
        path
            Added to the address.

        Raises
        ------
        ChannelDown
            Nothing can be reached there, or the address or its secret is refused.
        DeliveryFailed
            429 or 5xx; it knows how long the receiver asked to be left alone.
        DeliveryRejected
            Another 4xx: this body will never be taken.
        DeliveryUnknown
            The connection broke after the body had been sent.
        """
        address = self._address()[0]
        url = httpx.URL(address.rstrip("/") + path if path else address).copy_merge_params(dict(params or {}))
        asked: dict[str, str] = {"content-type": "application/json; charset=utf-8", "user-agent": "forewarn"}
        extensions: dict[str, str] = {}
        if not self._private:
            asked["host"] = url.netloc.decode("ascii")
            extensions["sni_hostname"] = url.host
            url = url.copy_with(host=self._public(url))
        try:
            answer = self._client.request(
                method, url, content=body, headers=asked | dict(headers), extensions=extensions
            )
        except _NOT_CONNECTED as error:
            raise ChannelDown(self.name, expected="a connection", got=type(error).__name__) from None
        except httpx.HTTPError as error:
            raise DeliveryUnknown(self.name, expected="an answer", got=type(error).__name__) from None
        return answer if answer.status_code in expected else self._judged(answer)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def down(self, got: str, next_step: str) -> ChannelDown:
        """Return the error of an address that is refused."""
        return ChannelDown(self.name, expected="an address that takes messages", got=got, next_step=next_step)

    def _judged(self, answer: httpx.Response) -> httpx.Response:
        got = f"{answer.status_code} {one_line(answer.text, 200)}".strip()
        if answer.is_success:
            return answer
        if answer.is_redirect or answer.status_code in OF_THE_ADDRESS:
            raise self.down(got, f"check the address of connection `{self.name}`")
        if answer.status_code == TOO_MANY or answer.is_server_error:
            failure = DeliveryFailed(self.name, expected="2xx", got=got)
            failure.retry_after = retry_after(answer.headers)
            raise failure
        raise DeliveryRejected(self.name, expected="2xx", got=got)

    def _address(self) -> tuple[str, str]:
        if self._known is None:
            try:
                url, secret = urldefrag(self._resolve())
                parts = urlsplit(url)
            except ForewarnError as error:
                raise ChannelDown(f"connection `{self.name}`", got=str(error)) from error
            except ValueError:
                raise self.down("a URL that cannot be read", "write it as https://host/path") from None
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise self.down(f"scheme {parts.scheme!r}", "write the connection as https://host/path")
            self._known = urlunsplit(parts), secret
        return self._known

    def _public(self, url: httpx.URL) -> str:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise ChannelDown(self.name, expected="a name that resolves", got=type(error).__name__) from None
        for address in sorted(found):
            if not is_public(address):
                raise ChannelDown(
                    self.name,
                    expected="an address outside one's own network",
                    got=address,
                    next_step="set alerts.webhook_may_reach_private if it is meant",
                )
        return min(found)


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """Return how long an answer asks to be left alone: in seconds, or until a moment after that of the answer."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdigit():
        return timedelta(seconds=min(int(asked), LONGEST_ASKED))
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return timedelta()
    return min(max(wait, timedelta()), timedelta(seconds=LONGEST_ASKED))


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet: not of this machine, its link or a private network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    return bool(inner.is_global and not inner.is_multicast)
