"""From a clone to a first command: what `make` calls, and how uv comes to a machine that lacks it."""

from __future__ import annotations

import base64
import hashlib
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
WITHOUT_UV = "/usr/bin:/bin"


def _would(*arguments: str) -> list[str]:
    """Return what make would run in a clone without `.venv`."""
    done = subprocess.run(
        ["make", "-n", "-B", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": WITHOUT_UV},
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["demo"], ".venv/bin/forewarn --data simulated demo "),
        (["demo", "CUSTOMERS=300"], ".venv/bin/forewarn --data simulated demo --customers 300"),
        (["demo", "DATA=online-retail"], ".venv/bin/forewarn --data online-retail demo "),
        (["up"], ".venv/bin/forewarn --data simulated up"),
        (["down"], ".venv/bin/forewarn --data simulated down"),
    ],
)
def test_make_brings_the_environment_up_to_date_and_calls_the_command_line(arguments: list[str], command: str) -> None:
    find_uv, sync, done, called = _would(*arguments)
    assert find_uv.endswith("|| .ci/install-uv")
    assert sync.endswith("uv sync --frozen --quiet")
    assert done == "touch .venv/synced"
    assert called == command


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with one called uv, so that nothing is fetched: a program that says who it is."""
    folder = tmp_path_factory.mktemp("index")
    files = {
        "uv-1.0.data/scripts/uv": "#!/bin/sh\necho this is uv\n",
        "uv-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 1.0\n",
        "uv-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(folder / "uv-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in (files | {"uv-1.0.dist-info/RECORD": f"{record}uv-1.0.dist-info/RECORD,,\n"}).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFREG | 0o755) << 16
            wheel.writestr(entry, text)
    return folder


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _install(folder: Path, index: Path, python: str) -> subprocess.CompletedProcess[str]:
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(PROJECT / ".ci/install-uv", folder / ".ci")
    environment = {"PATH": WITHOUT_UV, "PYTHON": python, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}
    return subprocess.run(
        [str(folder / ".ci/install-uv")], capture_output=True, text=True, check=False, env=environment
    )


def test_uv_is_put_beside_the_project_by_the_python_that_made_this_environment(tmp_path: Path, index: Path) -> None:
    done = _install(tmp_path, index, str(Path(sys.base_prefix) / "bin/python3"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert subprocess.check_output([tmp_path / ".uv/bin/uv"], text=True) == "this is uv\n"


def test_a_python_with_neither_says_what_to_install(tmp_path: Path, index: Path) -> None:
    done = _install(tmp_path / "bare", index, "false")
    assert done.returncode == 1
    assert (
        "uv is not installed and false has neither pip nor venv: install uv, or the package python3-venv" in done.stderr
    )
