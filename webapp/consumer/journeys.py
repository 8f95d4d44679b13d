"""Checked journeys: each is verified from its bundle, and kept for a moment while the log stands still."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final

from sqlalchemy import Connection

from traceability.errors import MalformedError, ProofTooLargeError, TamperError
from traceability.operations.cosign import shown_checkpoint
from traceability.operations.erase import newest_erasure
from traceability.operations.export import export_bundle
from traceability.operations.node import Node
from traceability.store.engine import AnyRow, system_clock
from traceability.verification.bundle import MAX_BYTES, encode_bundle
from traceability.verification.verdict import Verdict, check

KEPT: Final = 64
KEPT_S: Final = 10.0
"""So long a page may rest on one check; then the store is read again, even if the log stands still.

As long a batch that cannot be shown is told to be so, whatever the log does meanwhile.
"""
GLANCE_S: Final = 1.0
"""So long a page may rest on there being no commit, without a query."""
KEPT_TOO_LARGE_S: Final = 600.0
"""So long a batch is told to be too large, as to find out takes long: a log only grows."""
KEPT_BYTES: Final = 128 * 1024 * 1024
"""Of all bundles that are kept."""


@dataclass(frozen=True, slots=True)
class Page:
    """A drawn page, and until when it may be shown: not longer than any of the checks it rests on.

    ``mark`` stands for the state of the store as it was when it was last looked at, at ``looked_s``.
    """

    text: str
    until_s: float
    mark: object = None
    looked_s: float = -math.inf


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle's bytes, the verdict on them, until when that counts, and the pages drawn from it."""

    bundle: bytes
    verdict: Verdict
    until_s: float
    pages: dict[str, Page] = field(default_factory=dict, compare=False)


@dataclass(slots=True)
class _Entry:
    """A check at a size of the log, being made or made; those who come meanwhile wait for it.

    It shows nothing that was erased until ``erased_ms``, and counts until ``until_s``, which is
    not known before it is made.
    """

    size: int
    erased_ms: int
    until_s: float = math.inf
    failed: bool = False
    result: Future[Checked] = field(default_factory=Future)

    @property
    def bytes(self) -> int:
        """How much of memory its bundle takes, once it is made."""
        done = self.result.done() and self.result.exception() is None
        return len(self.result.result().bundle) if done else 0

    def serves(self, size: int, erased_ms: int) -> bool:
        """Whether it is as new as the log is to who asks, and shows nothing that was erased since.

        What cannot be shown is not tried at each size.
        """
        return (self.size >= size or self.failed) and self.erased_ms >= erased_ms


class Journeys:
    """What was verified at the newest checkpoint that is shown, by batch; at most ``KEPT`` of them.

    Args:
        node: whose policy the bundles are checked against.
        clock: seconds that only go forward.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self.node, self._clock = node, clock
        self._kept: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = Lock()

    def load(self, connection: Connection, batch: str) -> Checked:
        """The checked journey of a batch, from one snapshot; of several callers one does the work.

        Raises:
            UnknownSubjectError, NotPublishedError, LostStatementError: see ``export_bundle``.
            ProofTooLargeError: its bundle is larger than is read.
            TamperError, MalformedError: what is stored does not even make a bundle that can be read.
        """
        as_of = shown_checkpoint(connection, self.node, system_clock())
        size, erased_ms = as_of.size if as_of else 0, newest_erasure(connection) or 0
        while True:
            entry, mine = self._enter(batch, size, erased_ms)
            if mine:
                self._fill(batch, entry, connection, as_of)
            wait([entry.result])
            if entry.serves(size, erased_ms):
                return entry.result.result()

    def glance(self, batch: str, tongue: str, mark: object) -> str | None:
        """The page of a batch if nothing was committed since it was looked at, which was a moment ago.

        The moment is short since a checkpoint is shown without its witnesses once it has waited enough.
        """
        with self._lock:
            entry = self._kept.get(batch)
        if mark is None or entry is None or not entry.result.done() or entry.result.exception() is not None:
            return None
        page, now = entry.result.result().pages.get(tongue), self._clock()
        same = page is not None and page.mark == mark and now < min(page.until_s, page.looked_s + GLANCE_S)
        return page.text if page is not None and same else None

    def page(self, checked: Checked, tongue: str, mark: object = None) -> str | None:
        """The page that was drawn from a check in a language, while all that it rests on counts.

        Args:
            mark: of the store, from before the check was asked for.
        """
        page = checked.pages.get(tongue)
        if page is None or self._clock() >= page.until_s:
            return None
        checked.pages[tongue] = replace(page, mark=mark, looked_s=self._clock())
        return page.text

    def keep_page(
        self,
        checked: Checked,
        tongue: str,
        text: str,
        others: Iterable[Checked] = (),
        mark: object = None,
    ) -> None:
        """Keep a page that was drawn from a check, and from others."""
        until_s = min(each.until_s for each in (checked, *others))
        checked.pages[tongue] = Page(text, until_s, mark, self._clock())

    def _enter(self, batch: str, size: int, erased_ms: int) -> tuple[_Entry, bool]:
        """The check to wait for, or a new one to be made: never two of a batch at a time."""
        now = self._clock()
        with self._lock:
            entry = self._kept.get(batch)
            if entry is not None and (
                not entry.result.done() or (now < entry.until_s and entry.serves(size, erased_ms))
            ):
                return entry, False
            entry = self._kept[batch] = _Entry(size, erased_ms)
            self._kept.move_to_end(batch)
            self._make_room()
        return entry, True

    def _fill(self, batch: str, entry: _Entry, connection: Connection, as_of: AnyRow | None) -> None:
        """Do the check; what is only not there yet is answered to those who wait, and not kept."""
        try:
            bundle = encode_bundle(export_bundle(connection, self.node, batch, as_of=as_of))
            if len(bundle) > MAX_BYTES:
                raise ProofTooLargeError(f"a bundle of {len(bundle)} bytes, at most {MAX_BYTES} are read")
            verdict = check(bundle, self.node.policy, system_clock())
        except BaseException as error:
            kept_s = _kept_s(error)
            entry.until_s, entry.failed = self._clock() + kept_s, kept_s > 0
            entry.result.set_exception(error)
            raise
        entry.until_s, entry.failed = self._clock() + KEPT_S, verdict.journey is None
        entry.result.set_result(Checked(bundle, verdict, entry.until_s))
        with self._lock:
            self._make_room()

    def _make_room(self) -> None:
        """Forget the oldest that are made, until the others are few and small enough."""
        taken = sum(entry.bytes for entry in self._kept.values())
        for batch, entry in [(b, e) for b, e in self._kept.items() if e.result.done()]:
            if len(self._kept) <= KEPT and taken <= KEPT_BYTES:
                return
            taken -= entry.bytes
            del self._kept[batch]


def _kept_s(error: BaseException) -> float:
    """How long a failure is told without looking again; what may be over at any moment never."""
    if isinstance(error, ProofTooLargeError):
        return KEPT_TOO_LARGE_S
    return KEPT_S if isinstance(error, (TamperError, MalformedError)) else -math.inf
