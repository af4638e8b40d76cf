"""A mail server and a webhook in a process of their own, which write down what they took: alert number and key."""

from __future__ import annotations

import json
import multiprocessing
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

from aiosmtpd.smtp import SMTP, Envelope, Session
from mail_receiver import OK, Receiver

Tally = dict[str, list[tuple[int, str]]]

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_NUMBER = re.compile(rb"^X-Forewarn-Alert: (\d+)", re.MULTILINE)


class Tallied:
    """The other process, seen from this one.

    Attributes
    ----------
    urls
        Channel → address.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.urls: dict[str, str] = pipe.recv()

    def taken(self) -> Tally:
        """Return by channel the number and key of everything that was taken, in its order."""
        self._pipe.send("taken")
        tally: Tally = self._pipe.recv()
        return tally


@contextmanager
def tallying_receivers() -> Iterator[Tallied]:
    """Run the receivers for as long as the block lasts."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Tallied(ours)
    finally:
        ours.send("stop")
        process.join(10)


class _Mail(Receiver):
    def __init__(self, tally: list[tuple[int, str]]) -> None:
        super().__init__()
        self._tally = tally

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        key, number = _MESSAGE_ID.search(content), _NUMBER.search(content)
        assert key is not None, "a mail without a Message-ID"
        self._tally.append((int(number[1]) if number else 0, key[1].decode()))
        return OK


def _hook(tally: list[tuple[int, str]]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body of an answer are two writes, which Nagle's algorithm holds apart by 40 ms.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            tally.append((body.get("alert_id", 0), self.headers.get("idempotency-key", "")))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of clients that were killed."""

    return Server(("127.0.0.1", 0), Handler)


def _serve(pipe: Connection) -> None:
    tally: Tally = {"email": [], "webhook": []}
    hook = _hook(tally["webhook"])
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    with _Mail(tally["email"]) as mail:
        pipe.send({"email": mail.url, "webhook": f"http://127.0.0.1:{hook.server_port}/hook"})
        while pipe.recv() == "taken":
            pipe.send(tally)
    hook.shutdown()
