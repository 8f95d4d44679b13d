"""Checked journeys: each is verified from its bundle, and kept while the log does not move on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Final

from sqlalchemy import Connection

from traceability.operations.export import export_bundle
from traceability.operations.log import latest_checkpoint
from traceability.operations.node import Node
from traceability.verification.bundle import encode_bundle
from traceability.verification.verdict import Verdict, check

KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle's bytes and the verdict on them."""

    bundle: bytes
    verdict: Verdict


class Journeys:
    """What was verified at the newest checkpoint, by batch; at most ``KEPT`` of them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._kept: OrderedDict[tuple[str, int], Checked] = OrderedDict()
        self._lock = Lock()

    def load(self, connection: Connection, batch: str) -> Checked:
        """The checked journey of a batch, from one snapshot.

        Raises:
            UnknownSubjectError, NotPublishedError: see ``export_bundle``.
        """
        latest = latest_checkpoint(connection)
        key = (batch, latest.size if latest else 0)
        with self._lock:
            found = self._kept.get(key)
        if found is not None:
            return found
        bundle = encode_bundle(export_bundle(connection, self.node, batch))
        made = Checked(bundle, check(bundle, self.node.policy))
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made
