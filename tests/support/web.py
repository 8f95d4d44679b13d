"""The web site over a world: as an application for requests without a socket, or served on a port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.serving import make_server

from tests.support.broker import HOST, free_port
from tests.support.world import World
from traceability.settings import WebSettings
from webapp import create_app
from webapp.database import db

BASE_URL = "http://127.0.0.1:8000"
NOBODY = "mqtt://127.0.0.1:1"
"""A broker's address at which nobody answers."""


class _Client(FlaskClient):
    """A client that reads every answer to its end, as a browser does, so that files are closed."""

    def open(self, *args: Any, buffered: bool = True, **options: Any) -> Any:
        return super().open(*args, buffered=buffered, **options)


class _Compiled(BytecodeCache):
    """What templates were compiled to, for all sites of this process: a tenth of what tests of pages cost."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if kept := self._kept.get(bucket.key):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = _Compiled()


@contextmanager
def site_of(
    world: World,
    *,
    base_url: str = BASE_URL,
    mqtt_url: str = NOBODY,
    smtp_url: str = "",
    proxies: Sequence[str] = (),
    demo: bool = False,
) -> Iterator[Flask]:
    """The application of a world's node; its connections are closed at the end."""
    settings = WebSettings(
        data=world.node.folder,
        database_url=world.store.url,
        base_url=base_url,
        mqtt_url=mqtt_url,
        mqtt_tls=None,
        smtp_url=smtp_url,
        mail_from="node@example.org" if smtp_url else "",
        proxies=tuple(proxies),
        demo=demo,
    )
    app = create_app(settings)
    app.jinja_env.bytecode_cache = COMPILED
    app.test_client_class = _Client
    app.extensions["store"].clock = world.store.clock
    try:
        yield app
    finally:
        app.extensions["scans"].close()
        app.extensions["changes"].close()
        app.extensions["store"].close()
        with app.app_context():
            db.engine.dispose()


@contextmanager
def served(world: World, address: str | None = None) -> Iterator[str]:
    """The application, on a free port if it is not told one; its address is also its base URL."""
    address = address or f"http://{HOST}:{free_port()}"
    with site_of(world, base_url=address) as app, listening(app, urlsplit(address).port or 0):
        yield address


@contextmanager
def listening(app: Flask, port: int, tls: tuple[Path, Path] | None = None) -> Iterator[None]:
    """An application on a port of this machine; ``tls`` are its certificate and key."""
    pair = None if tls is None else (str(tls[0]), str(tls[1]))
    server = make_server(HOST, port, _closing_files(app), threaded=True, ssl_context=pair)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _closed_in_the_end(found: Any) -> Iterator[bytes]:
    with closing(found):
        yield from map(bytes, found)  # `yield from found` would close it a second time


def _closing_files(app: Flask) -> Callable[[Any, Any], Any]:
    """The same, with files of the site read and closed at once, and streams closed when they are let go.

    The server of the tests leaves them open when a browser goes away at the wrong moment (it reads what the
    browser still sends before it closes the answer), and that is a warning of whatever test runs then.
    """

    def answer(environ: Any, start_response: Any) -> Any:
        found: Any = app(environ, start_response)
        path = str(environ.get("PATH_INFO"))
        if path.startswith("/live/"):
            return _closed_in_the_end(found)
        if not path.startswith("/static/"):
            return found
        with closing(found):
            return [b"".join(found)]

    return answer
