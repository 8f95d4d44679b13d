"""Checked journeys: each is verified from its bundle, and kept for a moment while the log stands still."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from sqlalchemy import Connection

from traceability.operations.cosign import shown_checkpoint
from traceability.operations.export import export_bundle
from traceability.operations.node import Node
from traceability.store.engine import AnyRow, system_clock
from traceability.verification.bundle import encode_bundle
from traceability.verification.verdict import Verdict, check

KEPT: Final = 64
KEPT_S: Final = 10.0
"""So long a page may rest on one check; then the store is read again, even if the log stands still."""


@dataclass(frozen=True, slots=True)
class Page:
    """A drawn page, and until when it may be shown: not longer than any of the checks it rests on."""

    text: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle's bytes, the verdict on them, until when that counts, and the pages drawn from it."""

    bundle: bytes
    verdict: Verdict
    until_s: float
    pages: dict[str, Page] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A check that is being made or was made; those who come meanwhile wait for it."""

    begun_s: float
    result: Future[Checked] = field(default_factory=Future)


class Journeys:
    """What was verified at the newest checkpoint that is shown, by batch; at most ``KEPT`` of them.

    Args:
        node: whose policy the bundles are checked against.
        clock: seconds that only go forward.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self.node, self._clock = node, clock
        self._kept: OrderedDict[tuple[str, int], _Entry] = OrderedDict()
        self._lock = Lock()

    def load(self, connection: Connection, batch: str) -> Checked:
        """The checked journey of a batch, from one snapshot; of several callers one does the work.

        Raises:
            UnknownSubjectError, NotPublishedError: see ``export_bundle``.
            TamperError, MalformedError: what is stored does not even make a bundle.
        """
        as_of = shown_checkpoint(connection, self.node, system_clock())
        key = (batch, as_of.size if as_of else 0)
        entry, mine = self._enter(key)
        if mine:
            self._fill(key, entry, connection, as_of)
        return entry.result.result()

    def page(self, checked: Checked, tongue: str) -> str | None:
        """The page that was drawn from a check in a language, while all that it rests on counts."""
        page = checked.pages.get(tongue)
        return page.text if page is not None and self._clock() < page.until_s else None

    def keep_page(self, checked: Checked, tongue: str, text: str, others: Iterable[Checked] = ()) -> None:
        """Keep a page that was drawn from a check, and from others."""
        until_s = min(each.until_s for each in (checked, *others))
        checked.pages[tongue] = Page(text, until_s)

    def _enter(self, key: tuple[str, int]) -> tuple[_Entry, bool]:
        now = self._clock()
        with self._lock:
            entry = self._kept.get(key)
            if entry is not None and now - entry.begun_s < KEPT_S:
                return entry, False
            entry = self._kept[key] = _Entry(now)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return entry, True

    def _fill(
        self, key: tuple[str, int], entry: _Entry, connection: Connection, as_of: AnyRow | None
    ) -> None:
        """Do the check; what failed is answered to those who wait, and not kept."""
        try:
            bundle = encode_bundle(export_bundle(connection, self.node, key[0], as_of=as_of))
            checked = Checked(bundle, check(bundle, self.node.policy, system_clock()), entry.begun_s + KEPT_S)
        except BaseException as error:
            entry.result.set_exception(error)
            self._forget(key, entry)
            raise
        entry.result.set_result(checked)
        if checked.verdict.journey is None:
            self._forget(key, entry)

    def _forget(self, key: tuple[str, int], entry: _Entry) -> None:
        with self._lock:
            if self._kept.get(key) is entry:
                del self._kept[key]
