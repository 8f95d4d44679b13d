"""Whoever comes to a broker, with whatever name and password; and the doorkeeper beside it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.gateway import DEADLINE_S, wait_until
from tests.support.sensor import World
from traceability.doorkeeper import service
from traceability.doorkeeper.service import Doorkeeper
from traceability.operations.credentials import Credential


@contextmanager
def keeping(world: World, url: str) -> Iterator[Doorkeeper]:
    """A doorkeeper at work, as it is in a node, but looking for the revoked ten times a second."""
    stop = threading.Event()
    keeper = Doorkeeper(world.store, world.node, url)

    def work() -> None:
        while not stop.is_set():
            keeper.turn(0.05)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "LOOK_S", 0.1)
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield keeper
        finally:
            stop.set()
            thread.join(DEADLINE_S)
            keeper.close()


class Visitor:
    """One MQTT client that tells what became of what it tried; it never connects again by itself."""

    def __init__(
        self, url: str, client: str, shown: Credential | None, *, clean: bool = True, tls: Any = None
    ) -> None:
        parts = urlsplit(url)
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.gone = threading.Event()
        self._answers: queue.Queue[bool] = queue.Queue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client, clean_session=clean, reconnect_on_failure=False
        )
        if shown is not None:
            self._client.username_pw_set(shown.username, shown.password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = lambda _, __, ___, reason, *____: self._answers.put(not reason.is_failure)
        self._client.on_subscribe = lambda _, __, ___, reasons, *____: self._answers.put(
            not reasons[0].is_failure
        )
        self._client.on_message = lambda _, __, m: self.messages.put((m.topic, bytes(m.payload)))
        self._client.on_disconnect = self._lost
        try:
            self._client.connect(parts.hostname or "", parts.port or 1883)
            self._client.loop_start()
            self.let_in = self._answers.get(timeout=DEADLINE_S)
        except BaseException:
            self.close()
            raise

    def _lost(self, *_: Any) -> None:
        self.gone.set()
        self._answers.put(False)

    def may_subscribe(self, topic: str) -> bool:
        """Try to; whether the broker granted it."""
        self._client.subscribe(topic, qos=1)
        return self._answers.get(timeout=DEADLINE_S)

    def publish(self, topic: str, payload: bytes) -> None:
        """Try to, and wait until the broker has dealt with it: it is acknowledged, or we are gone."""
        sent = self._client.publish(topic, payload, qos=1)
        wait_until(lambda: sent.is_published() or self.gone.is_set(), "the broker's answer")

    def next(self) -> tuple[str, bytes]:
        return self.messages.get(timeout=DEADLINE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()  # or the collector finds them in an order that warns


@contextmanager
def visits(url: str) -> Iterator[Any]:
    """Makes visitors, and sees them out at the end."""
    with ExitStack() as stack:

        def come(client: str, shown: Credential | None, **options: Any) -> Visitor:
            made = Visitor(url, client, shown, **options)
            stack.callback(made.close)
            return made

        yield come
