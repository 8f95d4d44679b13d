"""Checking a bundle in Chromium, as ``verify.html`` does it, at full speed and at a quarter of it.

own     with the browser's own Ed25519, where it keeps to the strict rule
plain   without it, as on a page of plain http
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

import webapp
from bench.measure import Table, median, ratio, run
from bench.world import stay
from tests.support.browser import find_chromium, launched
from tests.support.world import make_world
from webapp.consumer.checking import WHOLE

DAYS: Final = 14
SLOWER: Final = (1, 4)
_PAGE: Final = Path(webapp.__file__).parent / "static" / WHOLE
_PLAIN: Final = "http://node.example/verify.html"
_CHECK: Final = """() => new Promise(resolve => {
  const said = document.getElementById("said"), began = performance.now();
  let before = began, longest = 0;
  const beat = () => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
  };
  const beating = setInterval(beat);
  new MutationObserver(() => {
    if (said.dataset.exitCode === undefined) return;
    clearInterval(beating);
    beat();
    resolve([said.dataset.exitCode, performance.now() - began, longest]);
  }).observe(said, {attributes: true});
  document.querySelector("#check button").click();
})"""


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """A stay of fourteen days, from the click to the last sentence."""
    executable = find_chromium()
    if executable is None or not _PAGE.is_file():
        return
    rounds = 9 if full else 3
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    bundle, policy = folder / "bundle", folder / "policy"
    bundle.write_bytes(world.bundle(stay(world, DAYS)))
    policy.write_bytes(world.node.policy_text.encode())
    world.store.close()
    rows = []
    with launched(executable) as browser:
        for slower in SLOWER:
            own, plain = [], []
            for _ in range(rounds):
                own.append(_check(browser, (bundle, policy), slower, plain=False))
                plain.append(_check(browser, (bundle, policy), slower, plain=True))
            whole = [[took for took, _ in times] for times in (own, plain)]
            blocked = [[longest for _, longest in times] for times in (own, plain)]
            rows.append([f"{slower} times slower", *map(median, whole), ratio(*whole), *map(median, blocked)])
        note = (
            f"{rounds} rounds, each in a new context, in turn; {DAYS} days, Chromium {browser.version},"
            f" slowed down by its own means, which reach the page and not the worker that checks for it: a"
            f" phone of a quarter's speed takes four times the first line. Blocked: the longest time in which"
            f" the page answered nothing."
        )
    head = ["verdict, ms", "own Ed25519", "plain", "own / plain", "blocked, own", "blocked, plain"]
    yield Table("Verdict in a browser", head, rows, note)


def _check(browser: Browser, files: tuple[Path, Path], slower: int, *, plain: bool) -> tuple[float, float]:
    """Milliseconds of one check, and the longest that the page was blocked in it."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.route(_PLAIN, lambda route: route.fulfill(path=_PAGE))
        page.goto(_PLAIN if plain else _PAGE.as_uri())
        for name, file in zip(("bundle", "policy"), files, strict=True):
            page.set_input_files(f"[name={name}]", file)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        code, took, longest = page.evaluate(_CHECK)
        if code != "0":
            raise RuntimeError(f"the bundle does not hold: exit code {code}")
        return float(took), float(longest)
    finally:
        context.close()


if __name__ == "__main__":
    run(("browser", measure))
