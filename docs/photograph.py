"""Take the pictures of the guides from the running system, after `make demo`.

    .venv/bin/python docs/photograph.py [--home .forewarn/simulated]

It lets an admin and a lead into the demo's workbench, serves it on a free port of this machine, opens pages in Chromium
as they would, and writes `docs/pictures`. It needs the Chromium that the browser tests use.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from forewarn.local.ports import free_ports

PROJECT = Path(__file__).resolve().parents[1]
PICTURES = PROJECT / "docs" / "pictures"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 760}
# Person, language, size, address (None: the customer of the first case of the inbox), name of the picture.
TAKEN = (
    ("lead", "en", WIDE, "/inbox", "inbox"),
    ("lead", "en", WIDE, None, "customer"),
    ("lead", "en", NARROW, None, "customer-phone"),
    ("lead", "en", WIDE, "/rules/spend_drop", "rule"),
    ("lead", "en", WIDE, "/team", "team"),
    ("admin", "en", WIDE, "/data", "data"),
    ("lead", "zh_CN", WIDE, "/inbox", "inbox.zh-CN"),
    ("lead", "zh_CN", WIDE, None, "customer.zh-CN"),
    ("lead", "zh_CN", WIDE, "/rules/spend_drop", "rule.zh-CN"),
    ("lead", "zh_CN", WIDE, "/team", "team.zh-CN"),
    ("admin", "zh_CN", WIDE, "/data", "data.zh-CN"),
)


def main() -> None:
    """Serve the demo's workbench and take each picture."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--home", type=Path, default=PROJECT / ".forewarn" / "simulated")
    home = given.parse_args().home.resolve()
    password, [port] = secrets.token_urlsafe(16), free_ports([0])
    environment = os.environ | {"FOREWARN_HOME": str(home)}
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(password)
        file.flush()
        people = {(role, locale) for role, locale, *_ in TAKEN}
        for role, locale in people:
            _forewarn(
                *("account", "add", _address(role, locale), "--name", "Lena Fox", "--role", role),
                *("--locale", locale, "--password-file", file.name),
                environment=environment,
            )
            _forewarn(
                "account", "password", _address(role, locale), "--password-file", file.name, environment=environment
            )
    command = [sys.executable, "-m", "forewarn", "workbench", "--port", str(port)]
    with (
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as served,  # noqa: S603
        sync_playwright() as playwright,
    ):
        try:
            _wait(port)
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for role, locale, size, address, name in TAKEN:
                context = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport=size, color_scheme="light")
                page = context.new_page()
                page.goto("/login")
                page.locator("input[type=email]").fill(_address(role, locale))
                page.locator("input[type=password]").fill(password)
                page.locator("form button").click()
                page.goto(address or _first_customer(page))
                _keep(page, PICTURES / f"{name}.png")
                context.close()
        finally:
            served.terminate()


def _address(role: str, locale: str) -> str:
    return f"pictures-{role}-{locale.lower()}@meridian.example"


def _forewarn(*arguments: str, environment: dict[str, str]) -> None:
    # An account that is there already only gets the new password.
    command = [sys.executable, "-m", "forewarn", *arguments]
    subprocess.run(command, env=environment, check=False, capture_output=True)  # noqa: S603 - our own


def _wait(port: int) -> None:
    for _ in range(100):
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.3)
        else:
            return
    raise SystemExit("the workbench does not answer: run `forewarn workbench` to see why")


def _first_customer(page: Page) -> str:
    page.goto("/inbox")
    found = page.locator("a[href^='/customers/']").first.get_attribute("href")
    if found is None:
        raise SystemExit("no case in the inbox: run `make demo` first")
    return found


def _keep(page: Page, file: Path) -> None:
    page.screenshot(path=file)
    # 128 colours are all that flat pages have, and a third of the bytes.
    Image.open(file).convert("RGB").quantize(128).save(file, optimize=True)
    print(f"{file.relative_to(PROJECT)} {file.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
