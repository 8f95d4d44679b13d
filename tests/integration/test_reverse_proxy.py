"""The site behind the reverse proxy that is deployed: who asks is told, and nothing is held back."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
from flask import Response, request

from tests.support.broker import HOST, free_port
from tests.support.gateway import wait_until
from tests.support.nginx import Front, find_nginx, fronting, two_ports
from tests.support.recalls import order
from tests.support.secure import NAME
from tests.support.web import NOBODY, listening, site_of
from tests.support.world import GTIN, World, make_world
from traceability.operations.recall import Issuer, issue
from traceability.running.supervisor import programs
from traceability.settings import RunSettings, environment
from webapp.signedin import public

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("node")
    made = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    made.harvest(made.party("Farm"), "L/1")
    made.publish()
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def nginx() -> str:
    program = find_nginx()
    if program is None:
        pytest.skip("no nginx on this machine")
    return program


class Asker:
    """Asks a site by its name over TLS, from this machine."""

    def __init__(self, front: Front) -> None:
        self._context = ssl.create_default_context(cafile=front.authority)
        self._port = front.https_port

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), body: bytes = b""
    ) -> tuple[http.client.HTTPResponse, bytes]:
        with (
            socket.create_connection((HOST, self._port), 45) as plain,
            self._context.wrap_socket(plain, server_hostname=NAME) as secure,
        ):
            connection = http.client.HTTPConnection(NAME)
            connection.sock = secure
            connection.request(method, path, body or None, {"Host": f"{NAME}:{self._port}", **headers})
            answer = connection.getresponse()
            return answer, answer.read()


@contextmanager
def echoing(world: World, base_url: str, proxies: tuple[str, ...]) -> Iterator[int]:
    """The site with three pages more: what it believes of a request, events one by one, one to be kept."""
    with site_of(world, base_url=base_url, proxies=proxies) as app:
        app.add_url_rule("/-/told", "told", public(_told))
        app.add_url_rule("/-/events", "events", public(_events))
        app.add_url_rule("/-/kept", "kept", public(_kept))
        port = free_port()
        with listening(app, port):
            yield port


def _told() -> dict[str, str]:
    return {
        "address": request.remote_addr or "",
        "scheme": request.scheme,
        "host": request.host,
        "root": request.script_root,
    }


def _kept() -> Response:
    return Response("x", headers={"Cache-Control": "max-age=600"})


def _events() -> Response:
    def some() -> Iterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"
            time.sleep(0.7)  # what an event source does between two events

    return Response(some(), mimetype="text/event-stream")


def test_the_proxy_says_who_asks_and_a_visitor_cannot(world: World, nginx: str, tmp_path: Path):
    http_port, https_port = two_ports()
    base_url = f"https://{NAME}:{https_port}"
    with (
        echoing(world, base_url, (HOST,)) as port,
        fronting(tmp_path / "nginx", nginx, port, http_port, https_port) as front,
    ):
        answer, body = Asker(front)("GET", "/-/told", FORGED)
        assert answer.status == 200
        told = json.loads(body)
        assert (told["address"], told["scheme"], told["root"]) == (HOST, "https", "")
        assert told["host"] == f"{NAME}:{https_port}"
        check_events(front)
        check_redirect(front)


def check_events(front: Front) -> None:
    """The first event is here long before the last: nothing on the way collects them."""
    context = ssl.create_default_context(cafile=front.authority)
    with (
        socket.create_connection((HOST, front.https_port), 10) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as secure,
    ):
        connection = http.client.HTTPConnection(NAME)
        connection.sock = secure
        connection.request(
            "GET", "/-/events", headers={"Host": f"{NAME}:{front.https_port}", "Accept-Encoding": "gzip"}
        )
        answer, began = connection.getresponse(), time.monotonic()
        assert answer.readline() == b"data: 0\n"
        first = time.monotonic() - began
        assert answer.read().count(b"data:") == 2
        assert time.monotonic() - began > first + 1.0


def check_redirect(front: Front) -> None:
    """Plain http leads to https, with the address as it was written; another name leads nowhere."""
    plain = http.client.HTTPConnection(HOST, front.http_port, timeout=10)
    plain.request("GET", f"/01/{GTIN}/10/L%2F1?lang=zh", headers={"Host": NAME})
    answer = plain.getresponse()
    answer.read()
    assert (answer.status, answer.headers["Location"]) == (301, f"{front.url}/01/{GTIN}/10/L%2F1?lang=zh")
    plain.close()
    plain.request("GET", "/", headers={"Host": "evil.example"})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        plain.getresponse()
    plain.close()


@contextmanager
def gunicorn(world: World, base_url: str) -> Iterator[int]:
    """The site as it is run, believing a proxy on this machine."""
    port = free_port()
    settings = RunSettings(
        data=world.node.folder, database_url=world.store.url, base_url=base_url, mqtt_url=NOBODY,
        mqtt_tls=None, host=HOST, port=port, demo=False, sites=(), smtp_url="", mail_from="",
        proxies=(f"{HOST}/32",),
    )  # fmt: skip
    (web,) = [program for program in programs(settings) if program.name == "web"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FT_")}
    process = subprocess.Popen(web.command, env=kept | environment(settings))
    try:
        wait_until(_listens(port), "gunicorn")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            socket.create_connection((HOST, port), 0.2).close()
        except OSError:
            return False
        return True

    return ask


def test_a_page_comes_through_whole_packed_once_and_no_larger_body_than_is_allowed(
    world: World, nginx: str, tmp_path: Path
):
    http_port, https_port = two_ports()
    with (
        gunicorn(world, f"https://{NAME}:{https_port}") as port,
        fronting(tmp_path / "nginx", nginx, port, http_port, https_port) as front,
    ):
        ask = Asker(front)
        answer, body = ask("GET", f"/01/{GTIN}/10/L%2F1", {"Accept-Encoding": "gzip"})
        assert (answer.status, answer.headers.get_all("Content-Encoding")) == (200, ["gzip"])
        assert b"<!doctype html>" in gzip.decompress(body).lower()
        assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
        assert answer.headers["Server"] == "nginx"
        with pytest.raises(http.client.RemoteDisconnected):
            ask("GET", "/", {"Host": "evil.example"})
        answer, _ = ask("POST", "/enrol", body=b"x" * 100_000)
        assert answer.status == 413
        changing = [{**FORGED, "X-Forwarded-For": f"203.0.113.{n}"} for n in range(22)]
        statuses = [ask("POST", "/enrol", headers, b"x")[0].status for headers in changing]
        assert statuses[-1] == 429, "who writes another address each time has the patience of one"


def test_a_cache_in_front_keeps_no_page_so_a_recalled_lot_is_red_at_once(
    world: World, nginx: str, tmp_path: Path
):
    http_port, https_port = two_ports()
    page, farm = f"/01/{GTIN}/10/COLD", world.party("Farm with a cache in front")
    uri = world.harvest(farm, "COLD")
    world.publish()
    with (
        echoing(world, f"https://{NAME}:{https_port}", (HOST,)) as port,
        fronting(tmp_path / "nginx", nginx, port, http_port, https_port, caching=True) as front,
    ):
        ask = Asker(front)
        kept = [ask("GET", "/-/kept")[0].headers["X-Cache"] for _ in range(2)]
        assert kept == ["MISS", "HIT"], "the cache works"
        before = [ask("GET", page) for _ in range(2)]
        assert [answer.headers["X-Cache"] for answer, _ in before] == ["MISS", "MISS"]
        assert b'class="recall recalled' not in before[0][1]
        issue(world.store, world.node, Issuer(farm), order(world, uri))
        world.publish()
        assert b'class="recall recalled' in ask("GET", page)[1]
