"""Only what was started is ended: by id and start time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from forewarn.local import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
WITH_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    " print('ready', flush=True); time.sleep(60)",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]

ORDERLY = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True));"
    " print('ready', flush=True); time.sleep(60)",
]


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def start(tmp_path: Path, command: list[str], name: str = "one") -> processes.Started:
    log = tmp_path / f"{name}.log"
    started = processes.start(name, command, environment=dict(os.environ), folder=tmp_path, log=log)
    give_up = time.monotonic() + 20
    while "ready" in command[-1] and "ready" not in started.last_words() and time.monotonic() < give_up:
        time.sleep(0.05)
    return started


def test_a_process_ends_with_all_that_it_started(tmp_path: Path) -> None:
    started = start(tmp_path, WITH_CHILD)
    family = [psutil.Process(started.pid), *psutil.Process(started.pid).children()]
    assert len(family) == 2
    assert processes.stop([started]) == ["one"]
    assert started.process() is None
    assert [one for one in family if one.is_running() and one.status() != "zombie"] == []


def test_children_that_outlive_their_leader_are_ended(tmp_path: Path) -> None:
    started = start(tmp_path, WITH_CHILD)
    (child,) = psutil.Process(started.pid).children()
    os.kill(started.pid, 9)
    os.waitpid(started.pid, 0)
    assert child.is_running()
    assert processes.stop([started]) == ["one"]
    assert not child.is_running() or child.status() == "zombie"


def test_one_that_will_not_go_is_killed(tmp_path: Path) -> None:
    started = start(tmp_path, STUBBORN)
    processes.stop([started], patience=0.5)
    assert started.process() is None


def test_one_that_ends_in_order_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that is asked again while it ends its workers waits for them for ever."""
    started, killpg = start(tmp_path, ORDERLY), os.killpg
    # Time to hear the first, since two signals at once are one.
    monkeypatch.setattr(os, "killpg", lambda group, number: (killpg(group, number), time.sleep(0.3)))
    processes.stop([started], patience=0.5)
    assert started.last_words().splitlines() == ["ready", "asked"]


def test_an_id_that_is_somebody_elses_now_is_left_alone(stranger: subprocess.Popen[bytes], tmp_path: Path) -> None:
    remembered = processes.Started("one", stranger.pid, psutil.Process(stranger.pid).create_time() - 3600, "")
    assert remembered.process() is None
    assert processes.stop([remembered]) == []
    assert stranger.poll() is None


def test_what_was_started_is_remembered_for_its_owner_alone(tmp_path: Path) -> None:
    started = start(tmp_path, SLEEP)
    file = tmp_path / "processes.json"
    processes.remember(file, [started])
    assert file.stat().st_mode & 0o077 == 0
    assert processes.recall(file) == [started]
    assert processes.recall(tmp_path / "none.json") == []
    processes.stop([started])
    assert processes.stop([replace(started)]) == []


def test_last_words_are_the_end_of_the_log(tmp_path: Path) -> None:
    started = start(tmp_path, [sys.executable, "-c", "print('one'); print('ready'); raise SystemExit('gone')"])
    give_up = time.monotonic() + 20
    while started.process() is not None and time.monotonic() < give_up:
        time.sleep(0.05)
    assert started.last_words(lines=1) == "gone"
