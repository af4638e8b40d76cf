"""Mail over SMTP: one connection for a whole dispatch, and a clear answer for each message."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import smtplib
import ssl
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from forewarn.alerts.addresses import is_address
from forewarn.alerts.channel import ChannelDown, Message
from forewarn.alerts.letter import compose
from forewarn.alerts.plain import one_line
from forewarn.errors import DeliveryFailed, DeliveryRejected, DeliveryUnknown, ForewarnError

TIMEOUT_SECONDS = 15
PORTS = {"smtp": 587, "smtps": 465}
READY, ACCEPTED, GOODBYE = 354, 250, 421


def try_connection(resolve: Callable[[], str]) -> str:
    """Connect as the channel does, with encryption and log-in, and send nothing; return what was found.

    Raises
    ------
    ChannelDown
        The server is not there, offers no encryption for a password, or refuses the log-in.
    """
    channel = SmtpChannel(resolve, "")
    try:
        return channel.greet()
    finally:
        channel.finish()


class SmtpChannel:
    """Sends by `smtp://user:password@host:port` (STARTTLS where the server offers it) or `smtps://…`.

    A password goes over an encrypted connection only, or to this very machine.

    A receiver recognises a repeat by its Message-ID, so a message whose fate is unknown is sent again.
    """

    repeat_when_unknown = True

    def __init__(self, resolve: Callable[[], str], sender: str) -> None:
        self._resolve, self._sender = resolve, sender
        self._smtp: smtplib.SMTP | None = None

    def send(self, message: Message) -> str:
        """Send one mail; see `Channel.send`."""
        if not is_address(message.recipient):
            raise DeliveryRejected("recipient", expected="a mail address", got=one_line(message.recipient, 80))
        _, written, data = compose(message, self._sender)
        envelope_from = written["From"].addresses[0].addr_spec
        try:
            return self._converse(self._connected(), envelope_from, message.recipient, data)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.finish()
            raise DeliveryFailed("mail server", expected="an answer", got=one_line(str(error))) from error

    def greet(self) -> str:
        """Ask the server for a sign of life; return where it is and whether it took a log-in.

        Raises
        ------
        ChannelDown
            There is no connection, or no sign of life on it.
        """
        smtp, url = self._connected(), urlsplit(self._resolve())
        try:
            code, said = smtp.noop()
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelDown(f"mail server {url.hostname}", expected="an answer", got=one_line(str(error))) from error
        if code != ACCEPTED:
            raise ChannelDown(f"mail server {url.hostname}", expected=str(ACCEPTED), got=f"{code} {_words(said)}")
        encrypted = "encrypted" if isinstance(smtp.sock, ssl.SSLSocket) else "not encrypted"
        login = "log-in accepted" if url.username else "no log-in"
        return f"{url.hostname}:{url.port or PORTS[url.scheme]} answers, {encrypted}, {login}"

    def finish(self) -> None:
        """Say goodbye; a server that is gone already is no matter."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _converse(self, smtp: smtplib.SMTP, sender: str, recipient: str, data: bytes) -> str:
        options = ["smtputf8"] if not (sender + recipient).isascii() else []
        if options and not smtp.has_extn("smtputf8"):
            raise DeliveryRejected(recipient, expected="a server that takes addresses beyond ASCII", got="one without")
        code, said = smtp.mail(sender, options)
        if code >= 500:
            # Whoever sends is refused, and so would be every other message.
            self._drop()
            raise ChannelDown(f"sender {sender}", expected="acceptance", got=f"{code} {_words(said)}")
        self._expect(ACCEPTED, code, said, about="sender")
        code, said = smtp.rcpt(recipient)
        if code not in (ACCEPTED, 251):
            self._refuse(code, said, recipient)
        self._expect(READY, *smtp.docmd("data"), about="message")
        stuffed = re.sub(rb"(?m)^\.", b"..", data)
        try:
            smtp.send(stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n")
            code, said = smtp.getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._drop()
            got = f"no answer ({one_line(str(error))})"
            raise DeliveryUnknown("mail server", expected="an answer to the message", got=got) from error
        self._expect(ACCEPTED, code, said, about="message")
        return f"{code} {_words(said)}"

    def _expect(self, wanted: int, code: int, said: bytes, *, about: str) -> None:
        if code != wanted:
            self._refuse(code, said, about)

    def _refuse(self, code: int, said: bytes, subject: str) -> NoReturn:
        """Turn a refusal into the error that tells whether trying again can help."""
        answer = f"{code} {_words(said)}"
        if code == GOODBYE or self._smtp is None or self._smtp.rset()[0] != ACCEPTED:
            self._drop()
        if code >= 500:
            raise DeliveryRejected(subject, expected="acceptance", got=answer)
        raise DeliveryFailed(subject, expected="acceptance", got=answer)

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp = self._connect()
        return self._smtp

    def _connect(self) -> smtplib.SMTP:
        try:
            url = urlsplit(self._resolve())
            port = url.port or PORTS.get(url.scheme)
        except ValueError:
            # The reason would quote what stands after the colon, which may be a part of the password.
            raise ChannelDown(
                "connection to the mail server",
                expected="smtp://user:password@host:port or smtps://…",
                got="a URL that cannot be read",
                next_step="write special signs of the password as %40 for @, %2F for /",
            ) from None
        except ForewarnError as error:
            # A connection that is not set up is no message's fault, and other channels need not wait for it.
            raise ChannelDown("connection to the mail server", got=str(error)) from error
        if port is None or url.scheme not in PORTS or not url.hostname:
            raise ChannelDown(
                "connection to the mail server",
                expected="smtp://user:password@host:port or smtps://…",
                got=f"scheme {url.scheme!r}",
                next_step="mend the connection that alerts.smtp_connection of forewarn.yml names",
            )
        try:
            if url.scheme == "smtps":
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    url.hostname, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
                )
            else:
                smtp = smtplib.SMTP(url.hostname, port, timeout=TIMEOUT_SECONDS)
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelDown(
                f"mail server {url.hostname}", expected="a connection", got=one_line(str(error))
            ) from error
        try:
            smtp.ehlo()
            if url.scheme == "smtp" and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            if url.username:
                self._may_log_in(smtp, url.hostname)
                smtp.login(unquote(url.username), unquote(url.password or ""))
        except (smtplib.SMTPException, OSError) as error:
            smtp.close()
            # The server's own words only: the exception may quote what was sent to it.
            got = f"{error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else type(error).__name__
            raise ChannelDown(
                f"mail server {url.hostname}",
                expected="greeting, encryption and log-in",
                got=got,
                next_step="check user, password and certificate of the connection",
            ) from error
        return smtp

    @staticmethod
    def _may_log_in(smtp: smtplib.SMTP, host: str) -> None:
        if isinstance(smtp.sock, ssl.SSLSocket) or _is_loopback(host):
            return
        smtp.close()
        raise ChannelDown(
            f"mail server {host}",
            expected="an encrypted connection before a password is sent",
            got="a server that offers no STARTTLS",
            next_step="use smtps:// or a server with STARTTLS",
        )

    def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _words(said: bytes) -> str:
    return one_line(said.decode("utf-8", "replace"), 300)
