"""Each message that was agreed upon, as a mail program shows it: readable in both themes, and no wider than a phone."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import axe_playwright_python
import pytest
from golden_files import GOLDEN
from pictures import keep
from playwright.sync_api import Browser, Page, sync_playwright

from forewarn.alerts.sparkline import sparkline

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: .ci/run installs it")
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
DAY = date(2026, 11, 16)
CHART = sparkline(tuple((DAY - timedelta(days=7 * back), 0.6 - back / 20) for back in range(9, -1, -1)), 0.5)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Page:
    return chromium.new_page()


@pytest.mark.parametrize("name", sorted(file.stem for file in GOLDEN.glob("*.html")))
def test_a_mail_fits_and_can_be_read(page: Page, name: str) -> None:
    picture = "data:image/png;base64," + base64.b64encode(CHART).decode("ascii")
    page.set_content((GOLDEN / f"{name}.html").read_text("utf-8").replace("cid:risk.png", picture))
    page.evaluate(AXE)
    for theme, width in (("light", 700), ("dark", 390)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = page.evaluate("axe.run({runOnly: ['color-contrast', 'image-alt', 'link-name', 'html-has-lang']})")
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []
        keep(page, f"mail-{name}-{theme}")
