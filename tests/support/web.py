"""The web site over a world: as an application for requests without a socket, or served on a port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
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


@contextmanager
def site_of(
    world: World, *, base_url: str = BASE_URL, mqtt_url: str = NOBODY, smtp_url: str = ""
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
    )
    app = create_app(settings)
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
    port = urlsplit(address).port or 0
    with site_of(world, base_url=address) as app:
        server = make_server(HOST, port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
