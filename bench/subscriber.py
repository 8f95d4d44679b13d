"""``python -m bench.subscriber URL NAME COUNT``: receives and acknowledges messages, and does nothing.

The subscription of ``NAME/#`` at QoS 1 outlives the process. With COUNT 0 it ends when it is
subscribed; otherwise it ends with the last message and prints the seconds since the hundredth, and
the CPU seconds.
"""

from __future__ import annotations

import sys
import time
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.world import HANDFUL


def main(url: str, name: str, count: int) -> None:
    """Receive that many messages."""
    parts, received, began, spent = urlsplit(url), 0, 0.0, 0.0

    def subscribe(client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"{name}/#", qos=1)

    def subscribed(client: mqtt.Client, *_: Any) -> None:
        if not count:
            client.disconnect()

    def receive(client: mqtt.Client, *_: Any) -> None:
        nonlocal received, began, spent
        received += 1
        if received == HANDFUL:
            began, spent = time.perf_counter(), time.process_time()
        if received == count:
            print(time.perf_counter() - began, time.process_time() - spent, flush=True)
            client.disconnect()

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=mqtt.MQTTv311
    )
    client.on_connect, client.on_subscribe, client.on_message = subscribe, subscribed, receive
    client.connect(str(parts.hostname), parts.port or 1883)
    client.loop_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
