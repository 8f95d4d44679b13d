"""``python -m gateway``: the parts, put together."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from functools import partial

from gateway.flood import Limits
from gateway.link import Link
from gateway.log import log_to_stderr
from gateway.service import Gateway
from gateway.watchman import postman_of, watchman_of
from traceability.errors import TraceabilityError
from traceability.operations.credentials import GATEWAY, own_credential
from traceability.operations.ingest import Ingest
from traceability.operations.node import Node, load_node
from traceability.secretfiles import check_mode
from traceability.sensing import topics
from traceability.settings import GatewaySettings, load, tls_context
from traceability.store.engine import Store


def make_link(settings: GatewaySettings, node: Node) -> Link:
    """The gateway's connection, to be opened."""
    shown = own_credential(node, GATEWAY)
    return Link(
        settings.mqtt_url,
        topics.gateway_client(node.name, settings.sites),
        topics.frame_filters(settings.sites),
        user=(shown.username, shown.password),
        tls=partial(tls_context, settings.mqtt_tls),
    )


def spare_the_collector() -> None:
    """Look for cycles seldom: a handful makes thousands of objects, and none of them is in one."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 10, 10)


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code: 1 if it cannot even start."""
    log_to_stderr()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load(GatewaySettings, os.environ)
        node = load_node(settings.data)
        check_mode(node.folder / "keys" / "secret")
        store = Store(settings.database_url)
        beside = (watchman_of(store, node, settings), postman_of(store, node, settings))
    except TraceabilityError as error:
        data = {"code": error.code, "remedy": error.remedy()}
        logging.getLogger(__name__).error(str(error), extra={"data": data})
        return 1
    spare_the_collector()
    for each in beside:
        each.start()
    limits = Limits(settings.device_rate, settings.device_burst)
    Gateway(Ingest(store, node), make_link(settings, node), limits).run(stop.is_set)
    for each in beside:
        each.stop()
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
