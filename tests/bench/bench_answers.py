"""Links and answers beside their limits: a million forgeries refused, and the wait for an answer at 50 a second.

    python tests/bench/bench_answers.py [--forgeries 1000000] [--answers 1000] [--rate 50]

Prints `name ratio`: for forgeries the time of a bare HMAC and a bare decoding over ours, then how many were let in; for
answers the 99th percentile of the wait over 100 ms, below 1.0 wanted, by an open loop: a late answer delays no other.
The workbench is a process of its own over a real PostgreSQL, and every answer closes a case of its own.

How it grows: reading a link costs two hashes a known key. An answer reads and writes rows of one case by their keys.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import httpx
import uvicorn
from alerting_warehouse import NOW
from answering import KEY, answering, installation

from forewarn.alerts.answer_links import Link, LinkBook, LinkRefused, Signer
from forewarn.config.project import load_project
from forewarn.local.ports import free_ports
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.migrate import migrate
from forewarn.workbench.app import create_app
from forewarn.workbench.pool import Pool

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
WAIT_SECONDS = 0.1


def forged(token: str, count: int) -> list[str]:
    """Return a token with one to three characters changed, each time others."""
    draw = random.Random(7)
    found = []
    while len(found) < count:
        letters = list(token)
        for _ in range(draw.randint(1, 3)):
            letters[draw.randrange(len(letters))] = draw.choice(ALPHABET)
        if (altered := "".join(letters)) != token:
            found.append(altered)
    return found


def forgeries(count: int) -> bool:
    """Try forged links, and tell whether one was let in."""
    signer = Signer([KEY])
    tokens = forged(signer.token(Link("saved", 17, 3, NOW + timedelta(days=30))), count)
    let_in, began = 0, time.process_time()
    for token in tokens:
        try:
            signer.read("saved", token, now=NOW)
            let_in += 1
        except LinkRefused:
            pass
    ours, began = time.process_time() - began, time.process_time()
    for token in tokens:
        base64.urlsafe_b64decode(token.rpartition(".")[2].encode() + b"==")
        hmac.new(KEY.encode(), token.encode(), hashlib.sha256).digest()
    bare = time.process_time() - began
    print(f"forgeries {bare / ours:.2f}   {let_in} of {count:,} let in, {ours / count * 1e6:.0f} µs each")
    return let_in > 0


def serve(pipe: Connection, url: str, port: int) -> None:
    """Serve the workbench until the process is ended."""
    book = LinkBook(f"http://127.0.0.1:{port}", Signer([KEY]), timedelta(days=30))
    app = create_app(Pool(url), book, load_project(Path(__file__).resolve().parents[2] / "config"), clock=lambda: NOW)
    pipe.send("ready")
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


def answers(count: int, rate: float) -> bool:
    """Press buttons at a rate, and tell whether the 99th percentile of the wait is beyond its limit."""
    folder = Path(tempfile.mkdtemp(prefix="fw-"))
    server = EmbeddedServer(folder / "pg")
    server.start()
    url = server.ensure_database("answers")
    migrate(url)
    [port] = free_ports([0])
    base = f"http://127.0.0.1:{port}"
    try:
        with answering(installation(url, folder), "bench_web", {f"c{n}": {} for n in range(count)}) as web:
            here, there = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, web.url, port))
            process.start()
            here.recv()
            book = LinkBook(base, web.book.signer, timedelta(days=30))
            rows = web.marts.rows("select alert_id, case_id from alerts.outbox where channel = 'email' order by 1")
            links = [book.of_message(alert_id, case_id, NOW)["saved"] for alert_id, case_id in rows]
            with httpx.Client(limits=httpx.Limits(max_connections=100)) as client, ThreadPoolExecutor(64) as pool:
                for _ in range(200):
                    try:
                        client.get(f"{base}/healthz")
                        break
                    except httpx.TransportError:
                        time.sleep(0.1)
                start = time.perf_counter() + 0.5

                def press(number: int) -> float:
                    due = start + number / rate
                    time.sleep(max(0.0, due - time.perf_counter()))
                    done = client.post(links[number], data={"answer": "saved"}, headers={"origin": base})
                    assert done.status_code == 303, done.text
                    return time.perf_counter() - due

                waits = sorted(pool.map(press, range(count)))
            process.terminate()
            process.join()
            [(closed,)] = web.marts.rows("select count(*) from alerts.\"case\" where outcome = 'saved'")
            assert closed == count
    finally:
        server.stop()
        shutil.rmtree(folder)
    half, most = waits[count // 2], waits[int(count * 0.99)]
    print(
        f"answers {most / WAIT_SECONDS:.2f}   p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms at {rate:g} a second"
    )
    return most > WAIT_SECONDS


def main() -> int:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forgeries", type=int, default=1_000_000)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50)
    asked = parser.parse_args()
    let_in = forgeries(asked.forgeries)
    return int(answers(asked.answers, asked.rate) or let_in)


if __name__ == "__main__":
    raise SystemExit(main())
