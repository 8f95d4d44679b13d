"""Word that the database is away, told directly: what is to be told of alarms stands in that database."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from traceability.errors import StoreUnavailableError, TraceabilityError
from traceability.ledger.record import format_time
from traceability.operations.alarms import ENDED, RAISED
from traceability.operations.outbox import Letter, Sender

KIND: Final = "store"
_MEANWHILE: Final = (
    "nothing is taken; devices and broker keep what they have / 暂停接收；设备和消息服务器保留数据"
)
AWAY_S: Final = 30.0
"""A database that is only started anew is back sooner."""


class Outage:
    """Tells by each way once that the database is away, and once that it is back.

    Nothing of it is kept: a gateway that starts meanwhile tells it again, under another key.
    """

    def __init__(self, senders: Mapping[str, Sender], now_s: Callable[[], float] = time.monotonic) -> None:
        self._senders, self._now_s = senders, now_s
        self._since_s: float | None = None
        self._began_ms = 0
        self._told: set[str] = set()
        self._code = ""

    def away(self, error: StoreUnavailableError) -> list[TraceabilityError]:
        """It does not answer; returns what hindered telling it, which is tried again the next time."""
        if self._since_s is None:
            self._since_s = self._now_s()
            if not self._told:  # else somebody was not told yet that the one before is over
                self._began_ms, self._code = int(time.time() * 1000), error.code
        if self._now_s() - self._since_s < AWAY_S:
            return []
        letter = self._letter(RAISED, error.remedy())
        return self._tell(letter, [way for way in self._senders if way not in self._told], self._told.add)

    def back(self) -> list[TraceabilityError]:
        """It answers; the same."""
        self._since_s = None
        return self._tell(self._letter(ENDED, ""), sorted(self._told), self._told.remove)

    def _tell(self, letter: Letter, ways: list[str], note: Callable[[str], None]) -> list[TraceabilityError]:
        hindered = []
        for way in ways:
            try:
                self._senders[way](letter)
                note(way)
            except TraceabilityError as error:
                hindered.append(error)
        return hindered

    def _letter(self, event: str, remedy: str) -> Letter:
        name, began = f"{KIND}-{self._began_ms}", format_time(self._began_ms)
        over, zh_over = ("", "") if event == RAISED else ("over: ", "已结束：")
        text = (
            f"{over}the database is away / {zh_over}数据库不可用\n\n"
            f"since / 开始: {began}\n"
            f"code / 代码: {self._code}\n"
        )
        data = {"event": event, "id": name, "kind": KIND, "stream": "", "device": "", "began": began}
        return Letter(
            f"{name}-{event}",
            {**data, "detail": {"code": self._code}},
            f"{over}the database is away · {zh_over}数据库不可用",
            text + (f"\n{_MEANWHILE}\n{remedy}\n" if event == RAISED else ""),
        )
