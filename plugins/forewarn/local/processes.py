"""Processes started by the launcher, remembered by id and start time, and ended by nothing else.

Each leads a session of its own. An id may be given to somebody else's process after a restart, so the start time is
compared before a signal is sent.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from forewarn.local.files import write_private

_CLOCK_STEP = 2.0  # seconds: the kernel derives start times from a boot time that shifts when the clock is set
_PATIENCE = 20.0


@dataclass(frozen=True)
class Started:
    """A process of the launcher's."""

    name: str
    pid: int
    created: float
    log: str

    def process(self) -> psutil.Process | None:
        """Return the process while it lives; None when it ended, or when its id now is another's."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.created) < _CLOCK_STEP
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def last_words(self, lines: int = 15) -> str:
        """Return the end of its log."""
        file = Path(self.log)
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.is_file() else ""


def start(name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> Started:
    """Start a command as the leader of its own session, with its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - the commands are the launcher's own
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Started(name, child.pid, psutil.Process(child.pid).create_time(), str(log))


def stop(started: Sequence[Started], *, patience: float = _PATIENCE) -> list[str]:
    """End processes and all that they started; return the names of those that were still running.

    They are asked first, and killed when they have not ended after `patience` seconds.
    """
    families = {item.name: _family(item) for item in started}
    for item in started:
        _ask_to_end(item, families[item.name])
    _, alive = psutil.wait_procs([process for family in families.values() for process in family], timeout=patience)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=5)
    return [name for name, family in families.items() if family]


def remember(file: Path, started: Sequence[Started]) -> None:
    """Write down what was started."""
    write_private(file, json.dumps([asdict(item) for item in started], indent=1))


def recall(file: Path) -> list[Started]:
    """Return what was written down; nothing when nothing was."""
    return [Started(**item) for item in json.loads(file.read_text())] if file.is_file() else []


def _family(item: Started) -> list[psutil.Process]:
    """Return a process with its descendants and the members of its session, which outlive a leader that died."""
    leader = item.process()
    family = {leader.pid: leader} | {child.pid: child for child in _children(leader)} if leader else {}
    if leader is None and psutil.pid_exists(item.pid) and not _is_zombie(item.pid):
        return []  # the id is somebody else's now, and so is a session of that number
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == item.pid and process.create_time() >= item.created - _CLOCK_STEP:
                family.setdefault(process.pid, process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return [process for process in family.values() if not _is_zombie(process.pid)]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _ask_to_end(item: Started, family: Sequence[psutil.Process]) -> None:
    """Signal each process once: a second signal would break off the orderly end that the first one began."""
    if family:
        with suppress(ProcessLookupError):
            os.killpg(item.pid, signal.SIGTERM)
    for process in family:
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) != item.pid:
                process.terminate()
