"""What an event says about which thing became part of which."""

from __future__ import annotations

from decimal import Decimal

import pytest

from traceability.errors import StatementError
from traceability.supply.lineage import Link, LinkKind, Mention, links_of, mentions_of, thing_id

NODE, NAME = "node.example", "event:ab"
TIME = {"eventTime": "2026-01-01T00:00:00.000Z", "eventTimeZoneOffset": "+00:00"}
AT = 1_767_225_600_000
MILK = "https://id.gs1.org/01/09521000000742/10/M1"
BERRIES = "https://id.gs1.org/01/09521000000834/10/B1"
YOGHURT = "https://id.gs1.org/01/09521000000896/10/Y1"
ITEM = "https://id.gs1.org/01/09521000000896/21/7"
PALLET = "https://id.gs1.org/00/095210000000000018"
CLASS = "https://id.gs1.org/01/09521000000742"


def event(kind, action=None, **members):
    return {"type": kind, **TIME, **({"action": action} if action else {}), **members}


def some(uri, quantity=None, uom=None):
    given = {"epcClass": uri, "quantity": quantity, "uom": uom}
    return {name: value for name, value in given.items() if value is not None}


def links(*args, **members):
    return links_of(event(*args, **members), NAME, NODE)


def ends(found):
    return [(link.src, link.kind.name, link.dst) for link in found]


def test_nobody_enters_a_process_that_is_one_event_of_somebody_else():
    found = links("TransformationEvent", outputQuantityList=[some(YOGHURT)], transformationID="event:00ff")
    assert "event:00ff" not in {uri for link in found for uri in (link.src, link.dst)}
    assert found


def test_a_transformation_links_its_inputs_and_outputs_through_its_process():
    found = links(
        "TransformationEvent",
        inputQuantityList=[some(MILK, Decimal("80.50"), "KGM"), some(BERRIES)],
        outputQuantityList=[some(YOGHURT, 400)],
    )
    assert found == (
        Link(MILK, LinkKind.INPUT, AT, NAME, "80.50", "KGM"),
        Link(BERRIES, LinkKind.INPUT, AT, NAME),
        Link(NAME, LinkKind.OUTPUT, AT, YOGHURT, "400"),
    )


def test_events_with_one_transformation_id_meet_in_one_process():
    process = "urn:uuid:4a0a8d24-0000-4000-8000-000000000001"
    first = links("TransformationEvent", inputQuantityList=[some(MILK)], transformationID=process)
    second = links("TransformationEvent", outputQuantityList=[some(YOGHURT)], transformationID=process)
    assert ends(first + second) == [(MILK, "INPUT", process), (process, "OUTPUT", YOGHURT)]


def test_every_spelling_of_an_identifier_is_one_thing():
    lot = "urn:epc:class:lgtin:9521000.000074.M1"
    found = links(
        "TransformationEvent",
        inputQuantityList=[some(lot)],
        outputEPCList=["https://shop.example" + ITEM[18:]],
    )
    assert ends(found) == [(MILK, "INPUT", NAME), (NAME, "OUTPUT", ITEM)]


def test_new_lots_come_from_the_parents_that_their_master_data_name():
    parents = [MILK, some(BERRIES, 5, "KGM")]
    found = links("ObjectEvent", "ADD", quantityList=[some(YOGHURT, 9, "KGM")], ilmd={"ft:parents": parents})
    assert found == (
        Link(MILK, LinkKind.INPUT, AT, NAME),
        Link(BERRIES, LinkKind.INPUT, AT, NAME, "5", "KGM"),
        Link(NAME, LinkKind.OUTPUT, AT, YOGHURT, "9", "KGM"),
    )
    assert links("ObjectEvent", "OBSERVE", quantityList=[some(YOGHURT)], ilmd={"ft:parents": parents}) == ()
    assert links("ObjectEvent", "ADD", quantityList=[some(YOGHURT)]) == ()


def test_new_items_come_from_the_lot_that_their_master_data_name():
    ilmd = {"cbvmda:lotNumber": "Y1"}
    assert ends(links("ObjectEvent", "ADD", epcList=[ITEM, PALLET], ilmd=ilmd)) == [
        (YOGHURT, "INPUT", NAME),
        (NAME, "OUTPUT", ITEM),
        (NAME, "OUTPUT", PALLET),
    ]
    both = links("ObjectEvent", "ADD", epcList=[ITEM], quantityList=[some(YOGHURT)], ilmd=ilmd)
    assert ends(both) == [(YOGHURT, "INPUT", NAME), (NAME, "OUTPUT", ITEM)], "nothing is made from itself"


@pytest.mark.parametrize("parents", [[7], [{"quantity": 5}], 12, [None]])
def test_a_parent_that_is_none_is_refused(parents):
    with pytest.raises(StatementError, match="expected a URI"):
        links("ObjectEvent", "ADD", quantityList=[some(YOGHURT)], ilmd={"ft:parents": parents})


@pytest.mark.parametrize(
    "quantity", ["7", True, Decimal("1e31"), Decimal("1e-31"), Decimal("NaN"), Decimal("1" * 31)]
)
def test_a_quantity_that_is_none_is_refused(quantity):
    with pytest.raises(StatementError, match="expected a number"):
        links("TransformationEvent", inputQuantityList=[some(MILK, quantity)])


def test_a_quantity_is_written_out_in_as_many_characters_as_its_column_has():
    extremes = (Decimal("1e30"), Decimal("-1e-30"), Decimal("0e-999"), Decimal("1." + "1" * 29).scaleb(-30))
    for quantity in extremes:
        (link,) = links("TransformationEvent", inputQuantityList=[some(MILK, quantity, "KGM")])
        assert link.quantity is not None
        assert len(link.quantity) <= 64
        assert Decimal(link.quantity) == quantity
    with pytest.raises(StatementError, match="expected a code"):
        links("TransformationEvent", inputQuantityList=[some(MILK, 1, "KILOGRAMS")])


@pytest.mark.parametrize(("action", "kind"), [("ADD", "PACK"), ("OBSERVE", "SEEN"), ("DELETE", "UNPACK")])
def test_an_aggregation_packs_shows_or_unpacks(action, kind):
    found = links(
        "AggregationEvent", action, parentID=PALLET, childEPCs=[ITEM], childQuantityList=[some(MILK)]
    )
    assert ends(found) == [(ITEM, kind, PALLET), (MILK, kind, PALLET)]


def test_taking_out_a_quantity_is_not_taking_out_everything():
    (link,) = links("AggregationEvent", "DELETE", parentID=PALLET, childQuantityList=[some(MILK, 5, "KGM")])
    assert link == Link(MILK, LinkKind.TAKE, AT, PALLET, "5", "KGM")


def test_a_delete_without_children_empties_the_parent():
    assert ends(links("AggregationEvent", "DELETE", parentID=PALLET)) == [(PALLET, "UNPACK", PALLET)]
    assert links("AggregationEvent", "OBSERVE", parentID=PALLET) == ()
    assert links("AggregationEvent", "DELETE", parentID=PALLET, childEPCs=[PALLET]) == (), "not inside itself"


def test_an_association_counts_between_goods_and_carriers_and_not_for_devices():
    crate = "https://id.gs1.org/8003/095210000000181"
    found = links("AssociationEvent", "ADD", parentID=crate, childEPCs=[ITEM])
    assert ends(found) == [(ITEM, "PACK", crate)]
    device = "https://node.example/device/" + "0" * 32
    assert links("AssociationEvent", "ADD", parentID=crate, childEPCs=[device]) == ()
    assert (
        links("AssociationEvent", "ADD", parentID="https://id.gs1.org/414/9521000000018", childEPCs=[ITEM])
        == ()
    )


def test_a_product_without_its_lot_is_another_thing_in_every_process():
    one, other = (
        links_of(event("TransformationEvent", inputQuantityList=[some(CLASS, 5, "KGM")]), name, NODE)[0].src
        for name in ("event:1", "event:2")
    )
    assert one != other
    assert one.startswith(CLASS + "#")


def test_a_product_without_its_lot_leaves_the_parent_into_which_it_was_packed():
    packed, taken = (
        links("AggregationEvent", action, parentID=PALLET, childQuantityList=[some(CLASS, 5, "KGM")])[0].src
        for action in ("ADD", "DELETE")
    )
    assert packed == taken


def test_what_an_event_names_twice_is_one_link_with_the_sum():
    twice = [
        some(MILK, Decimal("1.5"), "KGM"),
        some(MILK, 2, "KGM"),
        some(BERRIES, 1, "KGM"),
        some(BERRIES, 1, "LTR"),
    ]
    found = links("TransformationEvent", inputQuantityList=twice)
    assert [(link.quantity, link.uom) for link in found] == [("3.5", "KGM"), (None, None)]


def test_shipping_and_error_declarations_make_no_link():
    assert links("ObjectEvent", "OBSERVE", epcList=[ITEM]) == ()
    assert links("TransactionEvent", "ADD", parentID=PALLET, epcList=[ITEM]) == ()
    assert links("TransformationEvent", inputEPCList=[ITEM], errorDeclaration={}) == ()


def test_every_event_mentions_what_it_names_once_a_role():
    found = mentions_of(
        event(
            "AggregationEvent",
            "ADD",
            parentID=PALLET,
            childEPCs=[ITEM, ITEM],
            childQuantityList=[some(CLASS, 5)],
        ),
        NODE,
    )
    assert found == (Mention(ITEM, "child"), Mention(CLASS, "child"), Mention(PALLET, "parent"))
    made = event("TransformationEvent", inputEPCList=[ITEM], outputQuantityList=[some(YOGHURT)])
    assert mentions_of(made, NODE) == (Mention(ITEM, "input"), Mention(YOGHURT, "output"))


def test_a_thing_is_numbered_by_the_hash_of_its_uri():
    assert -(2**63) <= thing_id(MILK) < 2**63
    assert thing_id("abc") == int.from_bytes(bytes.fromhex("ba7816bf8f01cfea"), "big", signed=True)
