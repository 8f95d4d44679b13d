"""What a report on paper says of things, steps and reasons, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from traceability.operations.recalling.answers import Fate
from traceability.operations.recalling.timeline import Step
from traceability.operations.recallscope import Lost
from traceability.supply.tracing.labels import ThingKind, parts_of

STEPS: Final = {
    Step.OPENED: "opened 立案",
    Step.FOUND: "scope found 查明范围",
    Step.HELD: "held 暂停销售",
    Step.PROPOSED: "proposed 提议",
    Step.WITHDRAWN: "withdrawn 撤回",
    Step.APPROVED: "approved 批准",
    Step.ISSUED: "issued 发布召回",
    Step.NOTIFIED: "holder notified 通知持有方",
    Step.ACKNOWLEDGED: "acknowledged 确认收到",
    Step.ANSWERED: "answered 答复",
    Step.CLOSED: "closed 结束",
}
FATES: Final = {
    Fate.QUARANTINED: "quarantined 隔离",
    Fate.RETURNED: "returned 退回",
    Fate.DESTROYED: "destroyed 销毁",
    Fate.SOLD: "sold 已售出",
}
LOST: Final = {
    Lost.CUT: "The trace was cut by a limit · 追溯因上限而中断",
    Lost.NO_LOT: "Product without a lot: it cannot be named · 没有批号的产品：无法指明",
    Lost.NOT_RECEIVED: "Shipped, and never received · 已发出，但从未收到",
    Lost.NO_ORIGIN: "Nothing says where it came from · 没有记录说明其来源",
    Lost.NO_QUANTITY: "How much was made is not known · 产量不明",
    Lost.STATEMENT: "Recorded, and lost with a database · 已记录，但随数据库丢失",
}
_WHICH: Final = {
    ThingKind.BATCH: ("GTIN", "lot 批次"),
    ThingKind.ITEM: ("GTIN", "serial 序列号"),
    ThingKind.PRODUCT: ("GTIN", ""),
    ThingKind.UNIT: ("", "SSCC"),
    ThingKind.ASSET: ("", "asset 资产"),
}


def named_thing(uri: str, products: Mapping[str, str]) -> str:
    """A thing as its label names it: product, GTIN and lot; what is none of GS1's by its URI.

    Args:
        products: what products are called, by GTIN.
    """
    kind, key, part = parts_of(uri)
    if kind not in _WHICH:
        return uri
    words = (*zip(_WHICH[kind], (key, part), strict=True),)
    numbers = [f"{word} {number}" for word, number in words if word and number]
    return " · ".join([*([products[key]] if key in products else []), *numbers])


def both(names: Mapping[str, Any]) -> str:
    """A name in both languages, once where they are the same."""
    return " ".join(dict.fromkeys(str(names[tongue]) for tongue in ("en", "zh") if names.get(tongue)))
