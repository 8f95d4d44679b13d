"""The picture of a trace."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.support.traced import traced
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.picture import MAX_BOXES, SVG, Words, render_svg
from traceability.supply.tracing.trace import Detail, Flag

INPUT, OUTPUT, PACK = LinkKind.INPUT, LinkKind.OUTPUT, LinkKind.PACK
GTIN = "09521000000742"
AT = 1_767_225_600_000


def lot(name):
    return f"https://id.gs1.org/01/{GTIN}/10/{name}"


SMALL = [
    (lot("A"), INPUT, AT, "event:1", "10"),
    ("event:1", OUTPUT, AT, lot("B"), "11"),
    (lot("B"), PACK, AT, "https://id.gs1.org/00/095210000000000018", "11"),
]


def drawn(*args, **keywords):
    return ET.fromstring(render_svg(*args, **keywords))


def named(root, name):
    return list(root.iter(f"{{{SVG}}}{name}"))


def texts(root):
    return [element.text for element in named(root, "text")]


def classes(root, name):
    return sorted(str(element.get("class")) for element in named(root, name) if element.get("class"))


def test_things_are_boxes_processes_circles_and_links_lines():
    root = drawn(traced(SMALL, lot("A")), names={GTIN: "Milk"})
    assert texts(root) == ["Milk", "A", "Milk", "B", "logistic unit", "…10000000000018"]
    assert classes(root, "g") == [
        "trace-box affected",
        "trace-box carrying",
        "trace-box start",
        "trace-process flagged",
    ]
    assert classes(root, "path") == ["trace-edge", "trace-edge", "trace-edge packed"]
    assert len(named(root, "circle")) == 1


def test_a_box_tells_more_when_asked_and_leads_to_its_page():
    details = {lot("B"): Detail(last_place="urn:place", quantity="5", uom="KGM", flags=(Flag.NOT_RECEIVED,))}
    root = drawn(
        traced(SMALL, lot("A"), details=details),
        page_of=lambda uri: f"/01/{uri[-1]}?a=1&b=2" if uri == lot("B") else None,
    )
    (link,) = named(root, "a")
    assert link.get("href") == "/01/B?a=1&b=2"
    (title,) = named(link, "title")
    assert title.text is not None
    assert title.text.splitlines()[0] == lot("B")
    assert {"5 KGM", "urn:place", "shipped, not received"} <= set(title.text.splitlines())


def test_the_picture_needs_no_style_of_its_own():
    """The page's policy forbids style elements, style attributes and scripts."""
    text = render_svg(traced(SMALL, lot("A")))
    root = ET.fromstring(text)
    assert not named(root, "style")
    assert not named(root, "script")
    assert all("style" not in element.attrib for element in root.iter())
    assert not any(name.startswith("on") for element in root.iter() for name in element.attrib)


def test_a_wild_name_stays_a_name():
    wild = "urn:x:<script>alert(1)</script>&\x00\uffff"
    root = drawn(traced([(wild, INPUT, AT, "event:1", "1")], wild), names={wild: "<b>&\x01"})
    assert texts(root)[0] == "<b>&\ufffd"
    assert not named(root, "script")


def test_a_large_trace_shows_a_part_of_each_layer_and_counts_the_rest():
    many = [("event:1", OUTPUT, AT, lot(f"B{number:03}"), "1") for number in range(300)]
    more = [(lot(f"B{number:03}"), PACK, AT, f"urn:pallet:{number // 30}", "1") for number in range(300)]
    root = drawn(
        traced([(lot("A"), INPUT, AT, "event:1", "300"), *many, *more], lot("A")),
        words=Words(more="{} weitere"),
    )
    assert len(named(root, "rect")) <= MAX_BOXES + 3
    (rest,) = [text for text in texts(root) if text and text.endswith("weitere")]
    boxes = sum(1 for text in texts(root) if text and text.startswith("B"))
    assert int(rest.split()[0]) + boxes == 300


def test_a_trace_of_one_thing_is_one_box():
    assert len(named(drawn(traced([], lot("A"))), "rect")) == 1


def test_the_same_trace_gives_the_same_picture_in_any_order_of_its_links():
    assert render_svg(traced(SMALL, lot("A"))) == render_svg(traced(SMALL[::-1], lot("A")))
