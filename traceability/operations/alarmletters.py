"""What is written to people of an alarm, in both languages."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from traceability.ledger.record import format_time
from traceability.operations.alarms import RAISED, Shown, show_alarm
from traceability.operations.outbox import Letter, Outbox
from traceability.store.alarms import Delivery
from traceability.store.engine import AnyRow

_WORDS: Final = {
    "excursion": ("outside its limits", "超出温度范围"),
    "silence": ("no data", "没有数据"),
    "clock": ("wrong clock", "时钟错误"),
    "battery": ("battery low", "电量不足"),
    "gap": ("missing messages", "消息缺失"),
    "flood": ("too many messages", "消息过多"),
    "calibration-due": ("calibration due", "校准即将到期"),
    "calibration-over": ("calibration expired", "校准已过期"),
}


def alarm_letter(key: str, event: str, alarm: Shown) -> Letter:
    """Word that an alarm was raised or ended."""
    english, chinese = _WORDS[alarm.kind]
    over = ("", "") if event == RAISED else ("over: ", "已结束：")
    subject = f"{over[0]}{alarm.stream.rpartition('/')[2]}: {english} · {over[1]}{chinese}"
    text = (
        f"{over[0]}{english} / {over[1]}{chinese}\n\n"
        f"place / 地点: {alarm.stream}\n"
        f"device / 设备: {alarm.device}\n"
        f"since / 开始: {format_time(alarm.began_ms)}\n"
        f"detail / 详情: {', '.join(f'{k} {v}' for k, v in alarm.detail.items()) or '-'}\n\n"
        f"traceability alarm acknowledge {alarm.id} --by NAME --note TEXT\n"
    )
    return Letter(key, {"event": event, **alarm.to_json()}, subject, text)


def _write(connection: Connection, row: AnyRow) -> Letter:
    return alarm_letter(f"{row.alarm}-{row.event}", row.event, show_alarm(connection, row.alarm))


ALARMS: Final = Outbox(Delivery, _write, (Delivery.event.desc(),))
"""What is to be told of alarms."""
