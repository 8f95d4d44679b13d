"""The consumer page under the server that a node runs it with.

peer    Flask's hello world under the same server, asked by the same 50 connections
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Browser

from bench.measure import Table, median, ratio, run
from bench.world import stay
from tests.support.broker import HOST, free_port
from tests.support.browser import find_chromium, launched
from tests.support.world import World, make_world
from traceability.identifiers import parse_stream
from traceability.running.supervisor import programs
from traceability.settings import RunSettings, environment

CONNECTIONS: Final = 50
DEADLINE_S: Final = 30.0
DAYS: Final = 5
DOWNLOAD_BITS: Final = 1_600_000
LATENCY_MS: Final = 150
MOST_PAINT_MS: Final = 2_000
MOST_BYTES: Final = 50_000
LEAST_SHARE: Final = 0.25
"""Of hello world's requests a second."""
APPLICATION: Final = "webapp:create_app()"
LARGEST_PAINT: Final = """() => new Promise(resolve => new PerformanceObserver(
  list => resolve(list.getEntries().at(-1).startTime)
).observe({type: "largest-contentful-paint", buffered: true}))"""


def create_hello() -> Flask:
    """Flask's hello world, as its quickstart has it."""
    app = Flask("hello")
    app.add_url_rule("/", view_func=lambda: "<p>Hello, World!</p>")
    return app


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """Requests a second at 50 connections; then one phone on a slow network."""
    rounds, seconds = (7, 10.0) if full else (3, 3.0)
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    path = _path(stay(world, DAYS))
    with _serving(world, APPLICATION) as page, _serving(world, "bench.page:create_hello()") as hello:
        pages, hellos, first = [], [], asyncio.run(_ask_once(page + path))
        asyncio.run(_ask_once(hello + "/"))
        for _ in range(rounds):
            pages.append(asyncio.run(_load(page + path, seconds)))
            hellos.append(asyncio.run(_load(hello + "/", seconds)))
        yield _requests(pages, hellos, rounds, seconds, first)
        executable = find_chromium()
        if executable is not None:
            with launched(executable) as browser:
                yield _paint(browser, page + path, rounds)
    world.store.close()


def _path(batch: str) -> str:
    found = parse_stream(batch).batch
    if found is None:
        raise RuntimeError(f"{batch} is not a batch")
    return f"/01/{found.gtin}/10/{found.lot}"


@contextmanager
def _serving(world: World, application: str) -> Iterator[str]:
    """An application under the command of the supervisor; the address it answers at."""
    port = free_port()
    address = f"http://{HOST}:{port}"
    settings = RunSettings(
        data=world.node.folder,
        database_url=world.store.url,
        base_url=address,
        mqtt_url=f"mqtt://{HOST}:{free_port()}",
        host=HOST,
        port=port,
        demo=False,
        mqtt_tls=None,
        smtp_url="",
        mail_from="",
        sites=(),
    )
    (web,) = [program for program in programs(settings) if program.name == "web"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FT_")}
    command = [application if word == APPLICATION else word for word in web.command]
    process = subprocess.Popen(command, env=kept | environment(settings))
    try:
        asyncio.run(_wait_for(address))
        yield address
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


async def _wait_for(address: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection(urlsplit(address).hostname, urlsplit(address).port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError(f"nothing answers at {address} after {DEADLINE_S:.0f} s")


async def _load(url: str, seconds: float) -> list[float]:
    """Ask by all connections for that long; the time of each answer, in seconds."""
    until = time.perf_counter() + seconds
    asked = await asyncio.gather(*(_connection(url, until) for _ in range(CONNECTIONS)))
    return [took for times in asked for took in times]


async def _ask_once(url: str) -> float:
    """Seconds that one request took."""
    parts, began = urlsplit(url), time.perf_counter()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(_request(url))
    await _answer(reader)
    writer.close()
    return time.perf_counter() - began


async def _connection(url: str, until: float) -> list[float]:
    """One connection that asks again as soon as it is answered; it is opened again when it was closed."""
    parts, times = urlsplit(url), []
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    while (began := time.perf_counter()) < until:
        try:
            writer.write(_request(url))
            await _answer(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            continue
        if (ended := time.perf_counter()) <= until:
            times.append(ended - began)
    writer.close()
    return times


def _request(url: str) -> bytes:
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept-Encoding: gzip\r\n\r\n".encode()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status, *lines = head.split(b"\r\n")
    if b" 200 " not in status:
        raise RuntimeError(f"the server answered {status!r}")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    await reader.readexactly(length)


def _requests(
    pages: list[list[float]], hellos: list[list[float]], rounds: int, seconds: float, first: float
) -> Table:
    rates = [[len(times) / seconds for times in asked] for asked in (pages, hellos)]
    slowest = [
        [statistics.quantiles(times, n=100)[98] for times in asked] if all(map(len, asked)) else [0.0]
        for asked in (pages, hellos)
    ]
    rows = [
        ["requests/s", *(median(r) for r in rates), ratio(rates[0], rates[1])],
        ["p99, ms", *(median(s, scale=1e3) for s in slowest), ratio(slowest[0], slowest[1])],
    ]
    head = [f"{CONNECTIONS} connections", "batch page", "hello world (peer)", "page / peer"]
    note = (
        f"{rounds} rounds of {seconds:.0f} s for each, in turn; gunicorn gthread, one worker, as a node"
        f" starts it; a batch with a stay of {DAYS} days; the load comes from the same two cores. The first"
        f" request behind a new checkpoint, which verifies the batch, took {first * 1e3:.0f} ms."
        f" Limit: the page answers at least {LEAST_SHARE:.0%} of the requests of hello world."
    )
    return Table("Consumer page, requests", head, rows, note)


def _paint(browser: Browser, url: str, rounds: int) -> Table:
    loads = [_load_slowly(browser, url) for _ in range(rounds)]
    rows = [
        ["largest contentful paint, ms", median([paint for paint, _ in loads]), f"{MOST_PAINT_MS:,}"],
        ["bytes on the wire, page and all it needs", median([size for _, size in loads]), f"{MOST_BYTES:,}"],
    ]
    note = (
        f"{rounds} loads with an empty cache at {DOWNLOAD_BITS / 1e6} Mbit/s and {LATENCY_MS} ms, Chromium"
        f" {browser.version}, 360 x 740 pixels."
    )
    return Table("Consumer page, on a slow network", ["first visit", "page", "limit"], rows, note)


def _load_slowly(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds to the largest paint, and bytes received, headers included."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    try:
        page = context.new_page()
        network, sizes = context.new_cdp_session(page), []

        def finished(event: Mapping[str, Any]) -> None:
            sizes.append(float(event["encodedDataLength"]))

        network.on("Network.loadingFinished", finished)
        network.send("Network.enable")
        network.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": LATENCY_MS,
                "downloadThroughput": DOWNLOAD_BITS / 8,
                "uploadThroughput": DOWNLOAD_BITS / 16,
            },
        )
        page.goto(url, wait_until="networkidle")
        return float(page.evaluate(LARGEST_PAINT)), sum(sizes)
    finally:
        context.close()


if __name__ == "__main__":
    run(("page", measure))
