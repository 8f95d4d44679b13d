"""The system's Chromium, driven by playwright; no browser build is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import axe_playwright_python
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def find_chromium() -> str | None:
    """Path of the first Chromium on the search path."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def launched(executable: str) -> Iterator[Browser]:
    """A running browser, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def camera_browser(beside: Browser, picture: Image.Image, film: Path) -> Iterator[Browser]:
    """A Chromium whose camera sees one picture all the time; the film is written for it.

    It is started ``beside`` another: Playwright runs once in a process.
    """
    seen = Image.new("RGB", (1280, 720), "white")
    seen.paste(picture, ((seen.width - picture.width) // 2, (seen.height - picture.height) // 2))
    seen.save(film, "JPEG", quality=90)  # a film of one frame, which Chromium plays again and again
    own = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}")
    browser = beside.browser_type.launch(executable_path=find_chromium(), args=[*ARGUMENTS, *own])
    try:
        yield browser
    finally:
        browser.close()


def broken_rules(page: Page, rules: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """What axe finds wrong with a page, everything unfolded: the rule, and where.

    Args:
        rules: names of rules to look for, instead of all those of WCAG.
    """
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    page.evaluate(AXE)
    only = {"type": "tag", "values": RULES} if rules is None else {"type": "rule", "values": list(rules)}
    found = page.evaluate("only => axe.run({runOnly: only, resultTypes: ['violations']})", only)
    return [(v["id"], n["html"][:200]) for v in found["violations"] for n in v["nodes"]]
