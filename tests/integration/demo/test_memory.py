"""Founding a company needs memory for some of its customers at a time, however many there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A process of its own, so that nothing else is in the figures. Writing 5 there makes Linux forget the peak so far.
SEED = """
import sys
from pathlib import Path
from forewarn.demo import seed
from forewarn.warehouse.embedded import EmbeddedServer

home = Path(sys.argv[1])
server = EmbeddedServer(home / "postgres", durable=False)
server.start()
try:
    for customers in map(int, sys.argv[2:]):
        Path("/proc/self/clear_refs").write_text("5")
        seed(home / "home", server, customers=customers, months=2, chunk=200)
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
finally:
    server.stop()
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read as Linux tells it")
def test_four_times_the_customers_need_no_more_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEED, str(tmp_path), "1000", "4000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    few, many = (int(line) / 1024 for line in done.stdout.split())
    print(f"peak {few:.0f} MB for 1,000 customers, {many:.0f} MB for 4,000")
    # 1.04 when it was written; 1.6 with all of them at a time.
    assert many <= 1.2 * few
