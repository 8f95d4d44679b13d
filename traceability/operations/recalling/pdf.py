"""A case's report as PDF, in English and Chinese.

Latin text is set in Helvetica, Chinese in STSong-Light (a CID font), which readers bring or fetch: none is
embedded, and a reader without a Chinese typeface still shows the rest. What people wrote is escaped, since
the paragraphs of the library understand markup.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from traceability.ledger.record import format_time
from traceability.operations.recalling.answers import Fate
from traceability.operations.recalling.effectiveness import Amounts
from traceability.operations.recalling.report import Report
from traceability.operations.recalling.words import FATES, LOST, STEPS, named_thing

ROWS: Final = 500
"""Rows of one table; more are counted, and stand in the CSV of the scope."""
LATIN: Final = "Helvetica"
FONT: Final = "STSong-Light"
_OTHER: Final = re.compile(r"[^\x20-\x7e\xa0-\xff\u2013\u2026\u2022]+")
"""What Helvetica of every reader has no letters for."""
_INK: Final = colors.HexColor("#1b1b1b")
_QUIET: Final = colors.HexColor("#555555")
_LINE: Final = colors.HexColor("#bbbbbb")
_RED: Final = colors.HexColor("#a4161a")


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        name, fontName=LATIN, fontSize=size, leading=size * 1.4, wordWrap="CJK", textColor=_INK, **more
    )


_TITLE: Final = _style("title", 17, spaceAfter=4 * mm)
_HEAD: Final = _style("head", 12, spaceBefore=5 * mm, spaceAfter=2 * mm)
_TEXT: Final = _style("text", 9)
_CELL: Final = _style("cell", 8)
_ALARM: Final = ParagraphStyle("alarm", parent=_TEXT, textColor=_RED)
_DRILL: Final = ParagraphStyle("drill", parent=_TITLE, textColor=_RED)


def render_pdf(report: Report) -> bytes:
    """The report as one PDF file, A4."""
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    sides = dict.fromkeys(("leftMargin", "rightMargin"), 18 * mm) | {
        "topMargin": 16 * mm,
        "bottomMargin": 18 * mm,
    }
    title = f"{'Drill' if report.case.drill else 'Recall'} {report.case.id}"
    page = SimpleDocTemplate(out, pagesize=A4, title=title, author=report.node, lang="en", **sides)
    foot = _foot(report)
    page.build(list(_parts(report)), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _foot(report: Report) -> Callable[[Any, Any], None]:
    def draw(canvas: Any, _: Any) -> None:
        canvas.setFont(LATIN, 7.5)
        canvas.setFillColor(_QUIET)
        drill = "DRILL · " if report.case.drill else ""
        canvas.drawString(18 * mm, 10 * mm, f"{drill}{report.node} · {report.case.id}")
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, str(canvas.getPageNumber()))

    return draw


def _parts(report: Report) -> Iterator[Flowable]:
    case = report.case
    if case.drill:
        yield _paragraph("DRILL: no recall · 演练：并非召回", _DRILL)
    yield _paragraph(f"Report of {case.id} · 召回报告", _TITLE)
    yield _facts(_about(report))
    yield from _section("Time · 用时", [_facts(_times(report))])
    yield from _section("Scope · 范围", _scope(report))
    yield from _section("Not traced · 未能追溯", _lost(report))
    if report.effect is not None:
        yield from _section("Effectiveness · 成效", _effect(report))
        yield from _section("Holders · 持有方", [_holders(report)])
    yield from _section("Who did what · 经过", [_timeline(report)])


def _section(title: str, parts: Iterable[Flowable]) -> Iterator[Flowable]:
    yield _paragraph(title, _HEAD)
    yield from parts


def _about(report: Report) -> Iterator[tuple[str, str]]:
    case, texts, at = report.case, report.texts, report.checkpoint
    yield "Opened by 立案方", report.called.party(case.party)
    if texts is not None:
        yield "Class 级别", str(texts.recall_class)
        yield "Hazard 危害", f"{texts.hazard['en']} · {texts.hazard['zh']}"
        yield "Advice 处理", f"{texts.advice['en']} · {texts.advice['zh']}"
        yield "Contact 联系", texts.contact or "–"
    ended = f"{case.stage}" + (f": {case.outcome}" if case.outcome else "")
    yield "Stage 阶段", ended + (f" ({case.note})" if case.note else "")
    yield "Computed 计算时间", format_time(report.at_ms)
    if at is not None:
        yield "At checkpoint 检查点", f"{at.size} · {format_time(at.time_ms)} · {at.root}"


def _times(report: Report) -> Iterator[tuple[str, str]]:
    timing = report.timing
    yield "Start 开始", format_time(report.case.opened_ms)
    yield "Scope found 查明范围", _took(timing.found_ms)
    yield "Issued 发布", _took(timing.issued_ms)
    yield "All acknowledged 全部确认", _took(timing.acknowledged_ms)
    yield "Closed 结束", _took(timing.closed_ms)


def _took(span_ms: int | None) -> str:
    """A span as ``+1:02:03.5``: hours, minutes, seconds after the start."""
    if span_ms is None:
        return "–"
    seconds, rest = divmod(span_ms, 1000)
    return f"+{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest // 100}"


def _scope(report: Report) -> Iterator[Flowable]:
    found = report.scope
    yield _paragraph(f"Things named: {len(found.things)} · 涉及 {len(found.things)} 项", _TEXT)
    yield Spacer(1, 2 * mm)
    names = report.products
    rows = [
        [names.get(gtin, ""), gtin, f"{amount} {unit}".strip()] for gtin, amount, unit in found.quantities
    ]
    if rows:
        yield _table(["Product 产品", "GTIN", "Quantity made 产量"], rows, (74, 50, 50))
        yield Spacer(1, 2 * mm)
    lines = [
        [
            named_thing(row.uri, names),
            f"{row.quantity} {row.unit}".strip(),
            report.called.party(row.last_party),
        ]
        for row in found.rows
    ]
    yield _table(["Lot or unit 批次或单元", "Quantity 数量", "Last with 最后所在"], lines, (90, 26, 58))


def _lost(report: Report) -> Iterator[Flowable]:
    if not report.lost:
        yield _paragraph("Everything was traced · 全部可追溯", _TEXT)
        return
    for why, which in report.lost:
        shown = "; ".join(named_thing(uri, report.products) for uri in which[:20])
        yield _paragraph(f"{LOST[why]} ({len(which)}): {shown}{' …' if len(which) > 20 else ''}", _ALARM)


def _effect(report: Report) -> Iterator[Flowable]:
    effect = report.effect
    if effect is None:
        return
    told = f"{effect.acknowledged} of {len(effect.holders)} holders acknowledged"
    yield _paragraph(f"{told} · {len(effect.holders)} 个持有方中 {effect.acknowledged} 个已确认", _TEXT)
    if effect.overdue:
        late = ", ".join(map(report.called.party, effect.overdue))
        yield _paragraph(f"Overdue · 逾期: {late}", _ALARM)
    if effect.unknown:
        yield _paragraph(f"Quantity not known · 数量不明: {effect.unknown}", _ALARM)
    yield Spacer(1, 2 * mm)
    rows = [
        [
            each.uom or "pieces 件",
            f"{each.in_scope:f}",
            *(_amount(each, fate) for fate in Fate),
            f"{each.recovered:f}" + (f" ({each.percent} %)" if each.percent is not None else ""),
        ]
        for each in effect.amounts
    ]
    heads = ["Unit 单位", "In scope 范围内", *(FATES[fate] for fate in Fate), "Recovered 已追回"]
    yield _table(heads, rows, (18, 26, 26, 24, 26, 24, 30))


def _amount(amounts: Amounts, fate: Fate) -> str:
    return f"{amounts.by_fate.get(fate, Decimal(0)):f}"


def _holders(report: Report) -> Flowable:
    rows = []
    for each in report.effect.holders if report.effect else ():
        notice = each.notice
        seen = "–"
        if notice.acknowledged_ms is not None:
            seen = f"{_took(notice.acknowledged_ms - notice.made_ms)} {notice.acknowledged_by or ''}"
        amounts = "; ".join(f"{a.recovered:f} / {a.in_scope:f} {a.uom or ''}".strip() for a in each.amounts)
        flag = f" ! {each.beyond}" if each.beyond else ""
        rows.append([report.called.party(notice.party), str(each.things), seen, (amounts or "–") + flag])
    heads = ["Holder 持有方", "Things 项数", "Acknowledged 确认", "Recovered / in scope 已追回 / 范围内"]
    return _table(heads, rows, (68, 18, 42, 46))


def _timeline(report: Report) -> Flowable:
    rows = [
        [
            format_time(entry.at_ms),
            STEPS[entry.step] + (" · signed 已签名" if entry.signed else ""),
            f"{entry.user or ''} {report.called.party(entry.party)}".strip(),
            f"{entry.detail} {named_thing(entry.thing, report.products)}".strip(),
        ]
        for entry in report.timeline
    ]
    return _table(["Time UTC 时间", "Step 步骤", "Who 何人", "Detail 说明"], rows, (44, 38, 44, 48))


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """A text as it is, whatever is in it."""
    parts = _OTHER.sub(lambda run: f"\0{run[0]}\1", text.replace("\0", "").replace("\1", ""))
    marked = escape(parts).replace("\0", f'<font name="{FONT}">').replace("\1", "</font>")
    return Paragraph(marked, style)


def _facts(rows: Iterable[tuple[str, str]]) -> Flowable:
    cells = [[_paragraph(name, _CELL), _paragraph(value, _TEXT)] for name, value in rows]
    plain = TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)])
    return Table(cells, colWidths=(42 * mm, 132 * mm), style=plain, hAlign="LEFT")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], widths_mm: Sequence[int]) -> Flowable:
    shown = [list(row) for row in rows[:ROWS]]
    if len(rows) > ROWS:
        shown.append([f"… {len(rows) - ROWS} more · 另有 {len(rows) - ROWS} 行", *[""] * (len(heads) - 1)])
    cells = [[_paragraph(cell, _CELL) for cell in row] for row in [list(heads), *shown]]
    style = TableStyle(
        [
            ("LINEBELOW", (0, 0), (-1, 0), 0.8, _INK),
            ("LINEBELOW", (0, 1), (-1, -1), 0.3, _LINE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    return Table(cells, colWidths=[w * mm for w in widths_mm], repeatRows=1, style=style, hAlign="LEFT")
