"""Labels as they usually are, and at their longest."""

from __future__ import annotations

from traceability.labels.layout import Label
from traceability.labels.text import Caption

CODE = "1-7R2W-TW7Z-VV6V-735B-B0KB-36MV-BVBS-F6SW"
GTIN = "09520000000015"
NAMES = {"en": "Strawberries", "zh": "大理草莓"}
LONG_NAMES = {
    "en": "Organic frozen wild strawberries from the upper valley, hand picked, grade one, 500 g tray " * 2,
    "zh": "云南大理苍山高海拔有机冷冻野生草莓（手工采摘一级，五百克带盖托盘装，真空包装冷链直送）" * 4,
}


def usual(language: str = "en", serial: str = "7K3QX9WM2VHD") -> Label:
    """A label with a serial number."""
    return _label(NAMES[language], "20260501-1", serial, CODE, "trace.farm.example", language)


def longest(language: str = "en") -> Label:
    """Every value as long as it may be, on a site with a long name."""
    code = "999999999" + CODE.removeprefix("1")
    lot, serial = "LOT-ABCDEFGHIJKLMNOP", "SER-ABCDEFGHIJKLMNOP"
    return _label(LONG_NAMES[language], lot, serial, code, "traceability.cooperative.example", language)


def _label(name: str, lot: str, serial: str, code: str, host: str, language: str) -> Label:
    facts = [
        (Caption.GTIN, GTIN),
        (Caption.LOT, lot),
        *([(Caption.SERIAL, serial)] if serial else []),
        (Caption.HARVESTED, "2026-05-01"),
        (Caption.BEST_BEFORE, "2026-05-08"),
        (Caption.CODE, code),
    ]
    link = f"https://{host}/01/{GTIN}/10/{lot}" + (f"/21/{serial}" if serial else "")
    return Label(link, name, tuple(facts), host, language)
