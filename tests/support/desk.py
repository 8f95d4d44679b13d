"""Somebody at a page with a keyboard alone, whose keys are counted.

desk = Desk(context, address)
desk.go("/console/record").type("code", f"{GTIN}/L1")
desk.press("/console/record/step")            the button of the form that is sent there
desk.follow("a[href*='/console/record/ship']")
desk.keys, desk.sent                          how many keys, and how many pages by them
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext

from tests.support.browser import broken_rules

LOOKS = [(360, "light", "zh"), (1280, "dark", "en"), (360, "dark", "en"), (1280, "light", "zh")]
MOST_TABS = 80


class Desk:
    """A page that is used by keyboard alone."""

    def __init__(self, context: BrowserContext, address: str, lang: str = "en") -> None:
        self.address, self.page, self.lang = address, context.new_page(), lang
        self.keys = self.sent = 0

    def go(self, path: str) -> Desk:
        """Open an address, of this site or whole, as from a link that was handed over."""
        address = path if path.startswith("http") else f"{self.address}{path}"
        answer = self.page.goto(f"{address}?lang={self.lang}")
        assert answer is not None
        assert answer.status == 200
        return self

    def reach(self, selector: str) -> Desk:
        """Press Tab until something has the focus."""
        for _ in range(MOST_TABS):
            self.key("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return self
        raise AssertionError(f"{selector} is not reached by Tab at {self.page.url}")

    def skip(self) -> Desk:
        """By the first link of every page to what is its own."""
        self.reach("a.skip").key("Enter")
        return self

    def key(self, name: str) -> None:
        """Press one key."""
        self.page.keyboard.press(name)
        self.keys += 1

    def type(self, name: str, text: str) -> Desk:
        """Go on to a field, and type; what stood in it is replaced."""
        self.reach(f"[name='{name}']")
        self.page.keyboard.type(text)
        self.keys += len(text)
        return self

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """What is done in it leads to another page."""
        with self.page.expect_navigation():
            yield
        self.sent += 1

    def enter(self) -> Desk:
        """Send the form that one is in, or go where the focus leads."""
        with self.leaving():
            self.key("Enter")
        return self

    def press(self, action: str, key: str = "Enter") -> Desk:
        """The button of the form that is sent there."""
        self.reach(f"form[action*='{action}'] button:not([formaction])")
        with self.leaving():
            self.key(key)
        return self

    def follow(self, selector: str) -> Desk:
        """A link to another page."""
        return self.reach(selector).enter()

    def attach(self, selector: str, file: Path) -> Desk:
        """Choose a file where a field asks for one; the window of the system for it is not the page's."""
        with self.page.expect_file_chooser() as asked:
            self.reach(selector).key("Enter")
        asked.value.set_files(file)
        return self

    def main(self) -> str:
        """What the page says."""
        return self.page.inner_text("main")

    def accessible(self, looks: int = 2) -> None:
        """No rule is broken, and nothing is wider than the page."""
        for width, scheme, lang in LOOKS[:looks]:
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.goto(self.page.url.partition("?")[0] + f"?lang={lang}")
            assert broken_rules(self.page) == [], (self.page.url, width, scheme)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert self.page.evaluate(wide) == 0
        self.page.goto(self.page.url.partition("?")[0] + f"?lang={self.lang}")
