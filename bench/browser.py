"""Checking a bundle in Chromium, as ``verify.html`` does it, at full speed and at a quarter of it.

own     with the browser's own Ed25519, where it keeps to the strict rule
plain   without it, as on a page of plain http
peer    as many signatures as the bundle has frames, checked in one worker by the browser's own Ed25519 alone
limit   one second, at a quarter of the speed
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

import webapp
from bench.measure import Table, median, ratio, run
from bench.slower import slowed
from bench.world import FRAMES_A_DAY, stay
from tests.support.browser import find_chromium, launched
from tests.support.world import make_world
from webapp.consumer.checking import WHOLE

DAYS: Final = 14
SLOWER: Final = (1, 4)
FRAMES: Final = DAYS * FRAMES_A_DAY
_PAGE: Final = Path(webapp.__file__).parent / "static" / WHOLE
_PLAIN: Final = "http://node.example/verify.html"
_CHECK: Final = """() => new Promise(resolve => {
  const at = name => document.getElementById(name), said = at("said"), began = performance.now();
  let before = began, longest = 0, first = null;
  const beat = () => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
  };
  const beating = setInterval(beat);
  const counts = new MutationObserver(() => { first ??= performance.now() - began; });
  counts.observe(at("counted"), {childList: true});
  new MutationObserver(() => {
    if (said.dataset.exitCode === undefined) return;
    clearInterval(beating);
    beat();
    const whole = performance.now() - began;
    resolve([Number(said.dataset.exitCode), whole, first ?? whole, longest]);
  }).observe(said, {attributes: true});
  document.querySelector("#check button").click();
})"""
_ALONE: Final = """([source, frames]) => new Promise((resolve, reject) => {
  const worker = new Worker(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  worker.onmessage = ({data}) => { worker.terminate(); resolve(data); };
  worker.onerror = reject;
  worker.postMessage(frames);
})"""
_LOOP: Final = """onmessage = () => {
  const began = performance.now();
  let sum = 0;
  for (let i = 0; i < 4e7; i += 1) sum = (sum * 31 + i) | 0;
  postMessage(performance.now() - began + 0 * sum);
}"""
_SIGNATURES: Final = """onmessage = async ({data: frames}) => {
  const {privateKey, publicKey} = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const message = new Uint8Array(600), signature = await crypto.subtle.sign("Ed25519", privateKey, message);
  const began = performance.now();
  const verify = () => crypto.subtle.verify("Ed25519", publicKey, signature, message);
  await Promise.all(Array.from({length: frames}, verify));
  postMessage(performance.now() - began);
}"""


@dataclass(frozen=True, slots=True)
class Check:
    """Milliseconds: of one check, of work beside it, and of CPU of the worker that had most to do."""

    whole: float
    first: float
    longest: float
    loop: float
    alone: float
    busiest: float


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """A stay of fourteen days, from the click to the last sentence."""
    executable = find_chromium()
    if executable is None or not _PAGE.is_file():
        return
    rounds = 9 if full else 3
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    files = folder / "bundle", folder / "policy"
    files[0].write_bytes(world.bundle(stay(world, DAYS)))
    files[1].write_bytes(world.node.policy_text.encode())
    world.store.close()
    rows: dict[tuple[int, bool], list[Check]] = {}
    with launched(executable) as browser:
        for _ in range(rounds):
            for slower in SLOWER:
                for plain in (False, True):
                    found = _check(browser, files, slower, plain=plain)
                    rows.setdefault((slower, plain), []).append(found)
        note = (
            f"{DAYS} days, some {FRAMES:,} frames, {files[0].stat().st_size / 1e6:.1f} MB; {rounds} rounds,"
            f" each check in a new context; Chromium {browser.version}. Slower: all of the browser stands"
            f" still for three quarters of every few milliseconds; a loop in a worker says how much slower"
            f" that is. First: until the page says how far it is. Blocked: the longest time in which it"
            f" answered nothing. CPU: of the worker that had most to do, whatever else ran."
        )
    head = [
        "from the click, ms",
        "verdict",
        "CPU of one worker",
        "first",
        "blocked",
        "loop",
        "signatures alone (peer)",
        "verdict / peer",
    ]
    yield Table("Verdict in a browser (limit: 1,000 ms, 4 times slower)", head, _rows(rows), note)


def _rows(found: dict[tuple[int, bool], list[Check]]) -> list[list[str]]:
    usual = {slower: [check.loop for check in found[1, False]] for slower in SLOWER}
    rows = []
    for (slower, plain), checks in found.items():
        name = f"{slower} times slower, {'plain' if plain else 'own Ed25519'}"
        whole, alone = [check.whole for check in checks], [check.alone for check in found[slower, False]]
        times = ratio([check.loop for check in checks], usual[slower])
        peer = median(alone), ratio(whole, alone)
        measured = (
            median([getattr(check, part) for check in checks]) for part in ("busiest", "first", "longest")
        )
        rows.append([name, median(whole), *measured, times, *peer])
    return rows


def _check(browser: Browser, files: tuple[Path, Path], slower: int, *, plain: bool) -> Check:
    """One check in a new context; of a page without cryptography of its own the peer took no time."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.route(_PLAIN, lambda route: route.fulfill(path=_PAGE))
        page.goto(_PLAIN if plain else _PAGE.as_uri())
        for name, file in zip(("bundle", "policy"), files, strict=True):
            page.set_input_files(f"[name={name}]", file)
        with slowed(_processes(browser), slower):
            loop = _alone(page, _LOOP)
            before = _worked(browser)
            code, whole, first, longest = page.evaluate(_CHECK)
            after = _worked(browser)
            alone = 0.0 if plain else _alone(page, _SIGNATURES)
        if code:
            raise RuntimeError(f"the bundle does not hold: exit code {code}")
        busiest = max((after[thread] - before.get(thread, 0.0) for thread in after), default=0.0)
        return Check(whole, first, longest, loop, alone, busiest)
    finally:
        context.close()


def _alone(page: Page, source: str) -> float:
    """Milliseconds of some work in a worker of its own."""
    return float(page.evaluate(_ALONE, [source, FRAMES]))


def _worked(browser: Browser) -> dict[Path, float]:
    """Milliseconds of CPU of each thread that is a worker, so far."""
    found = {}
    for task in (task for pid in _processes(browser) for task in Path(f"/proc/{pid}/task").glob("*")):
        with suppress(OSError):  # It may have ended since.
            if (task / "comm").read_text().strip() == "DedicatedWorker":
                found[task] = int((task / "schedstat").read_text().split()[0]) / 1e6
    return found


def _processes(browser: Browser) -> list[int]:
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return [process["id"] for process in told["processInfo"]]


if __name__ == "__main__":
    run(("browser", measure))
